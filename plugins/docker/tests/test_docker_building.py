"""Requests for containers, archives and what is remembered of images: values in, values out, with no engine."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import attrs
import pytest
from docker_kit import machinetype, request
from hypothesis import given
from hypothesis import strategies as st
from vac_docker.archive import rewritten
from vac_docker.build import container, host_and_domain
from vac_docker.collect import to_remove
from vac_docker.contents import seen_by_all, write_contents
from vac_docker.facts import Facts
from vac_docker.freshness import DAY_SECONDS, Freshness, freshness
from vac_docker.image_book import Held, Image, ImageBook
from vac_docker.image_name import image_name
from vac_docker.lending import lend
from vac_docker.limits import limits_of, quota
from vac_docker.options import DockerMachine, DockerPlugin
from vac_docker.parts import Parts
from vac_docker.record import Record, Records
from vac_docker.source import Registry
from vac_docker.testing import archive_of, busybox_archive, image_archive
from vac_docker.user_data import refuse_unfit
from vac_docker.values import Gpu

from vac_core.interfaces import ContextFile, CreateRequest, MachineTypeError, PluginError
from vac_core.testing import home

ENGINE = Facts(version="20.10.24", init=True)
PARTS = Parts(image_id="sha256:1", user_data="/m/docker/user_data", volumes={"/scratch": "vac-1-0"}, layer_bytes=7)
NOW = 1_700_000_000.0


@pytest.fixture
def wanted(tmp_path: Path) -> CreateRequest:
    return request(home(tmp_path), "#!/bin/sh\n")


def body(wanted: CreateRequest, parts: Parts = PARTS, engine: Facts = ENGINE) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(container(wanted, parts, DockerPlugin(), engine)))
    return found


def test_a_request_for_a_container_is_what_it_always_was(wanted: CreateRequest) -> None:
    made = body(wanted)
    given = {key: value for key, value in made.items() if value not in (None, [], {}, "", False)}
    host = {key: value for key, value in given.pop("HostConfig").items() if value not in (None, [], {}, "", False)}  # type: ignore[attr-defined]
    directory = wanted.directory
    assert given == {
        "Image": "sha256:1",
        "Cmd": ["/user_data"],
        "Hostname": wanted.context.hostname,
        "AttachStdout": True,
        "AttachStderr": True,
        "Env": given["Env"],
    }
    assert sorted(given["Env"]) == [  # type: ignore[call-overload]
        "JOBFEATURES=/etc/jobfeatures",
        "JOBOUTPUTS=/var/spool/joboutputs",
        "MACHINEFEATURES=/etc/machinefeatures",
        f"VAC_MACHINETYPE={wanted.machinetype.name}",
        f"VAC_MACHINE_ID={wanted.machine.id}",
        f"VAC_MACHINE_NAME={wanted.context.hostname}",
    ]
    mounts = host.pop("Mounts")
    assert [(one["Target"], one["Source"], one["ReadOnly"]) for one in mounts] == [
        ("/user_data", "/m/docker/user_data", True),
        ("/etc/machinefeatures", f"{directory}/machinefeatures", True),
        ("/etc/jobfeatures", f"{directory}/jobfeatures", True),
        ("/var/spool/joboutputs", f"{directory}/joboutputs", False),
        ("/scratch", "vac-1-0", False),
    ]
    assert host == {
        "NetworkMode": "default",
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Init": True,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "2048k", "max-file": "2"}},
        "StorageOpt": {"size": "7"},
        "Memory": 64 * 2**20,
        "MemorySwap": 64 * 2**20,
        "CpuShares": 1024,
        "CpuPeriod": 100000,
        "CpuQuota": 100000,
        "PidsLimit": 4096,
        "Ulimits": [
            {"Name": "fsize", "Soft": 40 * 10**9, "Hard": 40 * 10**9},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
    }


DANGEROUS = {
    "Privileged",
    "PidMode",
    "IpcMode",
    "UTSMode",
    "UsernsMode",
    "CgroupParent",
    "VolumesFrom",
    "Binds",
    "Links",
}


@given(
    arguments=st.lists(st.text(max_size=20), max_size=3),
    environment=st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), st.text(max_size=9)),
    scratch=st.lists(st.sampled_from(["/a", "/tmp", "/b/c"]), unique=True),
)
def test_nothing_that_a_pipe_may_set_reaches_the_host(
    tmp_path_factory: pytest.TempPathFactory, arguments: list[str], environment: dict[str, str], scratch: list[str]
) -> None:
    options = DockerMachine(container_args=tuple(arguments), container_environment=tuple(environment.items()))
    kind = machinetype(options, tmp_binds=tuple(scratch), pipe="vo")
    wanted = request(home(tmp_path_factory.mktemp("home")), "#!/bin/sh\n", kind)
    volumes = {path: f"vac-{number}" for number, path in enumerate(scratch)}
    made = body(wanted, attrs.evolve(PARTS, volumes=volumes))
    host = made["HostConfig"]
    assert isinstance(host, dict)
    assert not {key for key in DANGEROUS if host.get(key)}
    assert (host["CapDrop"], host.get("CapAdd"), host["NetworkMode"]) == (["ALL"], None, "default")
    assert not host.get("Devices")
    bound = [one["Source"] for one in host["Mounts"] if one["Type"] == "bind"]
    assert all(source.startswith((str(wanted.directory), "/m/docker/")) for source in bound)
    assert "JOBOUTPUTS=/var/spool/joboutputs" in made["Env"]  # type: ignore[operator]


def test_what_an_engine_cannot_limit_is_not_asked_of_it(wanted: CreateRequest) -> None:
    host = body(wanted, engine=Facts(lacks=frozenset({"swap", "CPU quota", "pids"})))["HostConfig"]
    assert isinstance(host, dict)
    assert not {"MemorySwap", "CpuQuota", "PidsLimit"} & {key for key, value in host.items() if value}
    assert host["Memory"]


def test_gpus_devices_and_cvmfs_are_asked_for_as_they_are_lent(wanted: CreateRequest) -> None:
    kind = attrs.evolve(wanted.machinetype, cvmfs_repositories=("lhcb.cern.ch",))
    parts = attrs.evolve(PARTS, gpus=[Gpu("3"), Gpu("/dev/kfd+/dev/dri/renderD128")])
    host = body(attrs.evolve(wanted, machinetype=kind), parts)["HostConfig"]
    assert isinstance(host, dict)
    assert [one["PathOnHost"] for one in host["Devices"]] == ["/dev/kfd", "/dev/dri/renderD128"]
    (asked,) = host["DeviceRequests"]
    assert (asked["DeviceIDs"], asked["Capabilities"]) == (["3"], [["gpu"]])
    cvmfs = host["Mounts"][-1]
    assert (cvmfs["Target"], cvmfs["ReadOnly"], cvmfs["BindOptions"]) == ("/cvmfs", True, {"Propagation": "rslave"})


def test_a_name_that_is_too_long_for_a_host_is_parted() -> None:
    assert host_and_domain("wn01-00.example.org") == ("wn01-00.example.org", None)
    first, domain = host_and_domain(f"wn01-00.{'x' * 60}.example.org")
    assert (first, domain) == ("wn01-00", f"{'x' * 60}.example.org")


def test_scratch_is_shared_alike_and_never_more_than_was_granted(wanted: CreateRequest) -> None:
    kind = machinetype(tmp_binds=("/a", "/b"), disk_gb_per_processor=3)
    limits = limits_of(wanted.machine, kind, wanted.settings)
    assert limits.scratch_bytes * 3 == 3 * 10**9
    assert quota(2, 0.5) == 100000
    assert quota(1, 0.0001) == 1000


@pytest.mark.parametrize(("weight", "shares"), [(100, 1024), (1, 10), (200, 2048)])
def test_a_machine_weighs_what_the_site_says(wanted: CreateRequest, weight: int, shares: int) -> None:
    assert limits_of(wanted.machine, machinetype(cpu_weight=weight), wanted.settings).cpu_shares == shares


@pytest.mark.parametrize("user_data", ["", "echo", "#!\n", "#!/bin/sh\r\n"])
def test_user_data_that_is_no_program_is_the_machinetypes_fault(tmp_path: Path, user_data: str) -> None:
    with pytest.raises(MachineTypeError, match="lhcb"):
        refuse_unfit(request(home(tmp_path), user_data))
    refuse_unfit(request(home(tmp_path), user_data, machinetype(container_command="/bin/agent -f")))


@pytest.mark.parametrize("path", ["etc/x", "/proc/x", "/etc/machinefeatures/total_cpu", "/a/../user_data", "/"])
def test_a_context_cannot_put_files_in_the_way(tmp_path: Path, path: str) -> None:
    with pytest.raises(MachineTypeError, match="file at"):
        refuse_unfit(request(home(tmp_path), "#!/bin/sh\n", files=(ContextFile(path=path, content=b""),)))


def test_files_are_written_so_that_whoever_runs_inside_can_read_them(tmp_path: Path) -> None:
    secret = ContextFile(path="/etc/key", content=b"secret", mode=0o600)
    for as_root, mode in ((True, 0o600), (False, 0o666)):
        wanted = request(home(tmp_path), "#!/bin/sh\n", files=(secret,))
        written = write_contents(wanted, as_root=as_root)
        assert Path(written.files["/etc/key"]).stat().st_mode & 0o777 == mode
        assert Path(written.user_data).stat().st_mode & 0o777 == 0o755
    assert seen_by_all(0o500) == 0o555


def test_each_gpu_goes_to_one_machine() -> None:
    gpus = (Gpu("0"), Gpu("1"), Gpu("2"))
    records = [Record(machine_id="a", name="n", processors=1, gpus=("1",))]
    assert lend(gpus, records, 2) == (Gpu("0"), Gpu("2"))
    with pytest.raises(PluginError, match="2 of 3 are free"):
        lend(gpus, records, 3)


def test_a_record_is_written_once_and_comes_back_whole(tmp_path: Path) -> None:
    records = Records(tmp_path)
    one = Record(machine_id="a", name="n", processors=2, gpus=("0",), cvmfs=("x.org",), volumes=("v",))
    records.create(one)
    with pytest.raises(FileExistsError):
        records.create(one)
    assert (records.get("a"), records.all(), records.get("../a")) == (one, [one], None)
    records.remove("a")
    records.remove("a")
    assert not list(tmp_path.iterdir())


def names_in(raw: io.BytesIO) -> dict[str, bytes]:
    raw.seek(0)
    with tarfile.open(fileobj=raw) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive.getmembers()}  # type: ignore[union-attr]


def test_an_archive_gets_our_name_and_loses_its_own(tmp_path: Path) -> None:
    path, written = tmp_path / "a.tar", io.BytesIO()
    path.write_bytes(busybox_archive("docker.io/library/busybox:latest", "registry.example.org/site/image:1"))
    rewritten(path, "localhost/vac-archive:1", written, 10**9)
    found = names_in(written)
    assert json.loads(found["manifest.json"])[0]["RepoTags"] == ["localhost/vac-archive:1"]
    assert len(found) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"no archive",
        archive_of({"x": b""}),
        archive_of({"manifest.json": b"[]"}),
        archive_of({"manifest.json": b"[{}, {}]"}),
        archive_of({"manifest.json": b'[{"Config": "../../etc/passwd", "Layers": []}]'}),
        archive_of({"manifest.json": b'[{"Config": 1, "Layers": []}]'}),
        busybox_archive("x:1")[:3000],
    ],
)
def test_what_is_no_archive_of_one_image_is_refused_with_its_mend(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    with pytest.raises(PluginError, match="cannot be loaded"):
        rewritten(path, "localhost/vac-archive:1", io.BytesIO(), 10**9)


def test_an_archive_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(image_archive(["x:1"], [bytes(100_000)]))
    with pytest.raises(PluginError, match="image_max_gb"):
        rewritten(path, "localhost/vac-archive:1", io.BytesIO(), 50_000)


def held(
    image_id: str = "sha256:1", *, ours: bool = True, checked: float = NOW, used: float = NOW, size: int = 10**9
) -> Held:
    image = Image(image_id=image_id, digest=image_id, reference=f"r/{image_id}", size=size)
    return Held(image=image, ours=ours, checked=checked, used=used)


@pytest.mark.parametrize(
    ("name", "rule", "age", "creating", "expected"),
    [
        ("r.example.org/x:1", "daily", 60.0, True, Freshness.FRESH),
        ("r.example.org/x:1", "daily", 0.8 * DAY_SECONDS, True, Freshness.DUE),
        ("r.example.org/x:1", "daily", 1.1 * DAY_SECONDS, False, Freshness.STALE),
        ("r.example.org/x:1", "daily", -2.0 * DAY_SECONDS, False, Freshness.STALE),
        ("r.example.org/x:1", "always", 60.0, True, Freshness.STALE),
        ("r.example.org/x:1", "always", 60.0, False, Freshness.FRESH),
        ("r.example.org/x:1", "always", 1.0, True, Freshness.FRESH),
        ("r.example.org/x:1", "missing", 9.0 * DAY_SECONDS, True, Freshness.FRESH),
        (f"r.example.org/x@sha256:{'a' * 64}", "always", 9.0 * DAY_SECONDS, True, Freshness.FRESH),
        ("localhost/x:1", "always", 9.0 * DAY_SECONDS, True, Freshness.FRESH),
    ],
)
def test_an_image_is_asked_for_again_by_its_rule(
    name: str, rule: str, age: float, creating: bool, expected: Freshness
) -> None:
    source = Registry(image_name(name))
    assert freshness(source, rule, held(checked=NOW - age), NOW, creating=creating) is expected
    assert freshness(source, rule, None, NOW) is Freshness.STALE


def test_images_go_for_their_age_and_for_their_space_but_never_others_or_those_in_use() -> None:
    book = {
        "old": held("old", used=NOW - 20 * DAY_SECONDS),
        "older in use": held("busy", used=NOW - 30 * DAY_SECONDS),
        "wanted": held("wanted", used=NOW - 30 * DAY_SECONDS),
        "foreign": held("foreign", ours=False, used=0.0),
        "newer": held("newer", used=NOW - 2 * DAY_SECONDS),
        "newest": held("newest", used=NOW),
    }
    limits = {"now": NOW, "keep_days": 14.0}
    assert to_remove(book, {"busy"}, {"wanted"}, space_gb=None, **limits) == ["old"]
    assert to_remove(book, {"busy"}, {"wanted"}, space_gb=3, **limits) == ["old", "newer"]


def test_what_is_remembered_of_images_outlives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "images.json"
    book = ImageBook(path, lambda: NOW)
    first = Image(image_id="sha256:1", digest="sha256:d", reference="r:1", digests=("sha256:d",), user="nobody")
    book.checked("key", first, ours=True)
    book.checked("key", attrs.evolve(first, image_id="sha256:2"), ours=False)
    again = ImageBook(path).all()
    assert again["key"].image.image_id == "sha256:2"
    assert not again["key"].ours
    assert {one.image.image_id for one in again.values() if one.ours} == {"sha256:1"}
    path.write_text("{]")
    assert ImageBook(path).all() == {}


def test_an_image_is_known_by_all_its_digests() -> None:
    image = Image(image_id="sha256:1", digest="sha256:2", reference="r", digests=("sha256:3",))
    assert all(image.allowed((digest,)) for digest in ("sha256:1", "sha256:2", "sha256:3"))
    assert image.allowed(())
    assert not image.allowed(("sha256:4",))
