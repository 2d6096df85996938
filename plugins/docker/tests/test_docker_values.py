"""Names, options and answers of an engine, read without one: what is taken, what is refused, and with which mend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import docker.errors
import pytest
import requests
from docker_kit import machinetype
from hypothesis import given
from hypothesis import strategies as st
from vac_docker import readers
from vac_docker.checks import problems
from vac_docker.credentials import CredentialsError, credentials
from vac_docker.errors import ConflictError, EngineGoneError, NotThereError, asking, mend_of
from vac_docker.facts import facts
from vac_docker.figures import usage
from vac_docker.image_name import image_name
from vac_docker.observe import Ending, Seen, observe
from vac_docker.options import DockerMachine, DockerPlugin
from vac_docker.paths import path_problem
from vac_docker.pull_progress import PullProgress
from vac_docker.source import Archive, Registry, source_of

from vac_core.options import OptionValueError, options_of

DIGEST = f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("docker://busybox", "docker.io/library/busybox:latest"),
        ("docker://cernvm/five:1", "docker.io/cernvm/five:1"),
        ("docker://registry.cern.ch/cernvm/five/cernvm-five:latest", "registry.cern.ch/cernvm/five/cernvm-five:latest"),
        ("docker://127.0.0.1:5000/vac/job", "127.0.0.1:5000/vac/job:latest"),
        ("docker://localhost/vac:1", "localhost/vac:1"),
        (f"docker://example.org/vac:1@{DIGEST}", f"example.org/vac@{DIGEST}"),
    ],
)
def test_a_name_of_an_image_is_made_whole(written: str, full: str) -> None:
    assert str(image_name(written)) == full
    assert str(image_name(full)) == full


@pytest.mark.parametrize(
    "written",
    ["docker://", "docker://Example/UPPER", "docker://a b", "docker://a:b:c", "docker://x@sha256:12", "docker://-x/y"],
)
def test_what_is_no_name_of_an_image_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="write"):
        image_name(written)


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_refused_and_never_an_id_of_an_image(text: str) -> None:
    try:
        found = image_name(text)
    except ValueError:
        return
    assert "/" in str(found)
    assert str(image_name(str(found))) == str(found)


@pytest.mark.parametrize(
    ("read", "bad"),
    [
        (readers.arguments, "'open"),
        (readers.variables, "NAME"),
        (readers.variables, "1X=2"),
        (readers.digests, "sha256:12"),
        (readers.host_path, "relative"),
        (readers.host_path, "/a/../b"),
        (readers.user_name, "a b"),
        (readers.network_name, "host"),
        (readers.network_name, "container:x"),
        (readers.capabilities, "ALL"),
        (readers.capabilities, "x-y"),
        (readers.capabilities, "CHOWN CAP_SETUIDS"),
        (readers.device_list, "/etc/passwd"),
        (readers.device_list, "/dev/../etc"),
        (readers.gpu_list, "0 0"),
        (readers.gpu_list, "all"),
    ],
)
def test_an_option_that_cannot_be_read_says_its_mend(read: object, bad: str) -> None:
    with pytest.raises(OptionValueError) as refused:
        read(bad)  # type: ignore[operator]
    assert refused.value.mend


def test_a_pipe_may_set_only_what_changes_nothing_outside_its_container() -> None:
    allowed = {name for name, (declared, _) in options_of(DockerMachine).items() if declared.pipe}
    assert allowed == {"container_args", "container_environment", "image_pull", "image_digests_allowed"}


def test_a_pipe_names_no_image_file_or_credentials_of_the_host() -> None:
    plugin = DockerPlugin(docker_auth_file="/etc/auth.json")
    for image in ("docker://localhost/secret:1", "/etc/shadow.tar", "../x.tar", "images/x.tar"):
        with pytest.raises(ValueError, match="vacuum pipe may not name"):
            source_of(machinetype(root_image=image, pipe="vo"), plugin)
    theirs = source_of(machinetype(root_image="docker://example.org/vo:1", pipe="vo"), plugin)
    ours = source_of(machinetype(root_image="docker://example.org/vo:1"), plugin)
    assert isinstance(theirs, Registry)
    assert isinstance(ours, Registry)
    assert (theirs.auth_file, theirs.trusted) == (None, False)
    assert (ours.auth_file, ours.trusted) == ("/etc/auth.json", True)
    assert isinstance(source_of(machinetype(root_image="https://vo.example.org/a.tar", pipe="vo"), plugin), Archive)


def test_a_checksum_is_of_archives_and_a_registry_s_image_has_a_digest() -> None:
    checksum = "ab" * 32
    for archive in ("https://vo.example.org/a.tar", "a.tar"):
        source = source_of(machinetype(root_image=archive, root_image_sha256=checksum), DockerPlugin())
        assert isinstance(source, Archive)
        assert source.sha256 == checksum
    kind = machinetype(root_image="docker://r.example.org/vo:1", root_image_sha256=checksum)
    (told,) = problems(kind, DockerPlugin())
    assert "root_image_sha256 is for archives: write docker://r.example.org/vo@sha256:DIGEST instead" in told


def test_every_fault_of_a_machinetype_is_told() -> None:
    kind = machinetype(
        DockerMachine(gpus=2),
        root_image="docker://Bad Name",
        container_command="'open",
        tmp_binds=("/etc/machinefeatures/x", "/", "/a", "/a/b", "/proc/x", "relative"),
        cvmfs_repositories=("../x",),
    )
    told = list(problems(kind, DockerPlugin()))
    starts = [line.partition(":")[0] for line in told]
    assert starts == ["root_image", "container_command", *["tmp_binds"] * 5, "cvmfs_repositories", "gpus"]
    assert list(problems(machinetype(), DockerPlugin())) == []


@given(st.text(alphabet="/.ab\0", max_size=12))
def test_no_path_gets_in_the_way_of_what_vac_binds(path: str) -> None:
    if path_problem(path) is None:
        assert path.startswith("/")
        assert ".." not in path.split("/")
        assert not "/etc/machinefeatures".startswith(f"{path}/")


def write_auth(path: Path, document: object, mode: int = 0o600) -> str:
    path.write_text(json.dumps(document))
    path.chmod(mode)
    return str(path)


def test_credentials_are_found_by_their_registry_and_by_no_other(tmp_path: Path) -> None:
    path = write_auth(tmp_path / "auth", {"auths": {"registry.example.org": {"auth": "dm86c2VjcmV0"}}})
    assert credentials(path, "registry.example.org")["password"] == "secret"
    assert credentials(path, "other.example.org") == {}


def test_credentials_that_others_may_read_or_nobody_can_are_refused_without_being_shown(tmp_path: Path) -> None:
    good = {"auths": {"r.example.org": {"auth": "dm86c2VjcmV0"}}}
    bad = {"auths": {"r.example.org": {"auth": "bm9jb2xvbg=="}}}
    for path, mend in (
        (write_auth(tmp_path / "open", good, 0o644), "chmod 0600"),
        (write_auth(tmp_path / "bad", bad), "docker login"),
        (write_auth(tmp_path / "list", [1]), "docker login"),
        (str(tmp_path / "none"), "put it there"),
    ):
        with pytest.raises(CredentialsError, match=mend) as refused:
            credentials(path, "r.example.org")
        assert "secret" not in str(refused.value)
        assert "bm9j" not in str(refused.value)


def test_progress_adds_up_layers_and_is_never_more_than_the_whole() -> None:
    progress = PullProgress()
    for told in (
        {"status": "Pulling from vac/job", "id": "1"},
        {"status": "Already exists", "id": "a"},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 50, "total": 100}},
    ):
        progress.take(told)
    assert (progress.octets, progress.total, str(progress)) == (50, 100, "72 %")
    progress.take({"status": "Pull complete", "id": "b"})
    assert str(progress) == "100 %"


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "status": st.sampled_from(["Downloading", "Extracting", "Pull complete", "x"]) | st.none(),
                "id": st.sampled_from(["a", "b"]) | st.integers(),
                "progressDetail": st.dictionaries(st.sampled_from(["current", "total"]), st.integers(0, 1000)),
            },
        )
    )
)
def test_whatever_an_engine_tells_progress_stays_between_nothing_and_all(lines: list[dict[str, object]]) -> None:
    progress = PullProgress()
    for line in lines:
        progress.take(line)
        assert 0.0 <= progress.part <= 1.0
        assert progress.octets <= progress.total


def test_an_engines_own_words_become_facts() -> None:
    version = {"Version": "20.10.24", "Components": [{"Name": "docker-init", "Version": "0.19.0"}]}
    info = {
        "Driver": "overlay2",
        "CgroupVersion": "2",
        "MemoryLimit": True,
        "SwapLimit": False,
        "SecurityOptions": ["name=userns"],
    }
    found = facts(version, info, "1.41")
    assert (found.product, found.init, found.userns, found.rootless) == ("Docker", True, True, False)
    assert (found.limits, found.lacks) == ({"memory"}, {"swap"})
    assert not found.seccomp
    podman = facts({"Components": [{"Name": "Podman Engine"}]}, {}, "1.41")
    assert (podman.podman, podman.init, podman.lacks) == (True, False, frozenset())


def test_what_is_listed_and_recorded_becomes_what_is_observed() -> None:
    def seen(machine_id: str, state: str) -> Seen:
        return Seen(container_id=machine_id, name="n", state=state, labels={"vac.machine": machine_id})

    there = [seen("runs", "running"), seen("held", "paused"), seen("over", "exited"), seen("half", "created")]
    endings = {"over": Ending(exit_code=3)}
    found = {one.machine_id: one for one in observe(there, ["runs", "lost", "new"], {"new"}, endings, {"runs": 2.0})}
    assert (found["runs"].running, found["runs"].cpu_seconds) == (True, 2.0)
    assert (found["held"].running, found["held"].paused) == (True, True)
    assert (found["over"].ended, found["over"].exit_code) == (True, 3)
    assert (found["half"].ended, found["half"].note) == (True, "its creation was not finished")
    assert found["lost"].ended
    assert "gone" in found["lost"].note
    assert not found["new"].ended


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ({"ExitCode": 137, "OOMKilled": True}, 137, "out of memory"),
        ({"ExitCode": 143}, 143, "its program was ended by SIGTERM"),
        ({"ExitCode": 0}, 0, ""),
        ({}, None, ""),
    ],
)
def test_an_end_is_told_in_words(state: dict[str, object], code: int | None, words: str) -> None:
    assert Ending.of({"State": state}) == Ending(exit_code=code, note=words)


def test_figures_leave_out_what_the_kernel_can_take_back() -> None:
    stats = {
        "cpu_stats": {"cpu_usage": {"total_usage": 2 * 10**9}},
        "memory_stats": {"usage": 100, "stats": {"inactive_file": 40}},
    }
    found = usage(stats, 1.0)
    assert found is not None
    assert (found.cpu_seconds, found.memory_bytes) == (2.0, 60)
    assert usage({}, 1.0) is None


def answered(status: int, said: str) -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("no", response=response, explanation=said)


@pytest.mark.parametrize(
    ("problem", "kind", "mend"),
    [
        (answered(404, "No such container: x"), NotThereError, "engine's log"),
        (answered(409, "Conflict. The name is in use"), ConflictError, "engine's log"),
        (answered(500, "unauthorized: authentication required"), Exception, "docker_auth_file"),
        (PermissionError(13, "Permission denied"), EngineGoneError, "socket's group"),
        (FileNotFoundError(2, "No such file"), EngineGoneError, "start the engine"),
        (requests.exceptions.ReadTimeout(), EngineGoneError, "does not answer in time"),
    ],
)
def test_each_trouble_with_an_engine_has_its_mend(problem: Exception, kind: type[Exception], mend: str) -> None:
    with pytest.raises(kind, match=mend), asking("looking", "unix:///x.sock"):
        raise problem


LIGHT = """
import sys
import vac_docker
from vac_docker.engine import Engine
from vac_docker.errors import EngineGoneError
try:
    Engine("unix:///nonexistent/docker.sock").facts()
except EngineGoneError as error:
    print(error)
print(sorted({"docker", "requests"} & sys.modules.keys()))
"""


def test_the_library_is_loaded_only_where_an_engine_listens() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    said, loaded = done.stdout.splitlines()
    assert "cannot be reached (No such file or directory): start the engine" in said
    assert loaded == "[]"


def test_a_full_disk_is_told_as_such() -> None:
    assert "free some space" in mend_of("write /var: no space left on device")
