"""A machine's disks, made by a real libvirtd and looked at with qemu-img."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import libvirt
import pytest
from engines import missing
from image_server import ImageServer, content, sha256
from signed_image import SIGNER, authority, image, install, payload
from vac_libvirt import disks_wanted
from vac_libvirt.assembly import assemble
from vac_libvirt.cernvm_signatures import Signatures
from vac_libvirt.disks import LocalDisks
from vac_libvirt.disks_volumes import Volumes
from vac_libvirt.domain import domain_xml
from vac_libvirt.guest import Guest
from vac_libvirt.mark import Mark
from vac_libvirt.options import ExtraDisk, LibvirtMachine, LibvirtPlugin
from vac_libvirt.parts import Storage
from vac_libvirt.works import Works

from vac_core.images import ImageCache, Ready
from vac_core.interfaces import CreateRequest, PluginError
from vac_core.testing import create_request, home, machine, machinetype, settings
from vac_core.testing.box import LIBVIRT, libvirt_host, unavailable

pytestmark = pytest.mark.system

GB = 10**9
SETTINGS = settings(disk_gb_per_processor=7, min_disk_free_mb=0, volume_group="")


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    if reason := unavailable(*LIBVIRT, "qemu-img"):
        missing(reason)
    with libvirt_host() as host:
        yield host.uri


class Open:
    """A connection as `vac_libvirt.connection.Connection` gives it."""

    def __init__(self, uri: str) -> None:
        self.libvirtd = libvirt.open(uri)

    @contextlib.contextmanager
    def use(self, what: str = "") -> Iterator[Any]:
        yield self.libvirtd


class Kit:
    """Disks with an image cache, and machines' directories."""

    def __init__(self, directory: Path, connection: Open) -> None:
        self.home = home(directory)
        self.news: list[None] = []
        self.cache = ImageCache(directory / "imagecache", lambda: SETTINGS)
        self.connection = connection
        self.directory = directory / "disks"
        self.disks = LocalDisks(self.cache, connection, self.directory, lambda: SETTINGS)

    def request(self, **changes: Any) -> CreateRequest:
        processors = changes.pop("processors", 2)
        model = changes.pop("machine_model", "vm-raw")
        of_type = machinetype(machine_model=model, **changes)
        request = create_request(self.home, machine(machine_model=model, processors=processors), of_type)
        return attrs.evolve(request, settings=SETTINGS)

    def make(self, request: CreateRequest) -> tuple[Storage, Path]:
        directory = self.directory / request.machine.id
        directory.mkdir(parents=True)
        return self.disks.make(request, directory), directory


@pytest.fixture
def kit(tmp_path: Path, uri: str) -> Iterator[Kit]:
    connection = Open(uri)
    made = Kit(tmp_path, connection)
    yield made
    made.disks.close()
    connection.libvirtd.close()


@pytest.fixture
def server() -> Iterator[ImageServer]:
    made = ImageServer()
    yield made
    made.close()


def info(path: str) -> dict[str, Any]:
    done = subprocess.run(["qemu-img", "info", "--output=json", path], check=True, capture_output=True)
    return dict(json.loads(done.stdout))


def test_a_machine_gets_an_overlay_a_scratch_disk_and_extra_disks(kit: Kit, server: ImageServer) -> None:
    data = content(3_000_001)
    url = server.serve("/vm.img", data)
    kit.cache.fetch(url)
    extra = LibvirtMachine(extra_disks=(ExtraDisk("vdc", 3),))
    request = kit.request(root_image=url, plugin_options={"libvirt": extra})
    storage, directory = kit.make(request)
    root, scratch, third = storage.disks
    assert [one.device for one in storage.disks] == ["vda", "vdb", "vdc"]
    assert (root.format, root.boot_order, root.block, root.backing_format) == ("qcow2", 1, False, "raw")
    assert storage.details == {"root_image_sha256": sha256(data)}
    found = info(root.source)
    assert found["backing-filename-format"] == "raw"
    assert found["backing-filename"] == root.backing
    assert found["virtual-size"] == 3_000_320  # in whole sectors
    assert found["format-specific"]["data"]["compat"] == "1.1"
    subprocess.run(["qemu-img", "check", "-q", root.source], check=True)
    assert Path(root.backing).read_bytes() == data
    assert stat.S_IMODE(Path(root.backing).stat().st_mode) == 0o444
    assert Path(scratch.source).stat().st_size == 14 * GB
    assert Path(third.source).stat().st_size == 3 * GB
    for one in storage.disks:
        assert Path(one.source).parent == directory
        assert stat.S_IMODE(Path(one.source).stat().st_mode) == 0o600
        assert Path(one.source).stat().st_blocks * 512 < 1_000_000
    compared = ["qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", str(root.backing), root.source]
    subprocess.run(compared, check=True)


def test_an_overlay_stands_on_a_qcow2_image_too(kit: Kit, tmp_path: Path) -> None:
    image = tmp_path / "site.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(image), "5G"], check=True)
    storage, _ = kit.make(kit.request(root_image=str(image)))
    root = storage.disks[0]
    assert (root.backing, root.backing_format) == (str(image), "qcow2")
    assert info(root.source)["virtual-size"] == 5 * 2**30


def test_images_out_of_qemus_reach_are_given_a_second_name_beside_the_overlay(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/vm.img", content(10_000))
    image = kit.cache.fetch(url)
    storage, directory = kit.make(kit.request(root_image=url))
    backing = Path(storage.disks[0].backing)  # pytest's directories are closed to others
    assert backing.parent == directory
    assert backing.samefile(image.path)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that QEMU's user can reach."""
    with tempfile.TemporaryDirectory(prefix="vac-disks-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def test_qemus_user_gets_a_machines_own_files_and_never_an_image(
    open_directory: Path, uri: str, server: ImageServer
) -> None:
    connection = Open(uri)
    kit = Kit(open_directory, connection)
    kit.directory.mkdir(mode=0o711)
    url, iso = server.serve("/vm.img", content(1_000_000)), server.serve("/cernvm.iso", payload())
    for one in (url, iso):
        kit.cache.fetch(one)
    for wanted in (kit.request(root_image=url), kit.request(root_image=iso, machine_model="cernvm3")):
        storage, directory = kit.make(wanted)
        directory.chmod(0o711)
        mark = Mark(space="vac01", factory="wn01", machine_id=wanted.machine.id)
        guest = Guest(
            machine_id=wanted.machine.id,
            name=wanted.machine.name,
            mark=mark,
            domain_type="qemu",
            memory_bytes=2**26,
            processors=1,
            disks=storage.disks,
        )
        domain = connection.libvirtd.createXML(domain_xml(guest), libvirt.VIR_DOMAIN_START_PAUSED)
        images = [one.backing or one.source for one in storage.disks if one.backing or one.shared]
        assert len(images) == 1
        for path in map(Path, images):
            assert path.parent.name == "objects"
            assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o444)
        own = [one.source for one in storage.disks if not one.shared]
        assert all(Path(one).owner() == "libvirt-qemu" for one in own)
        domain.destroy()
        assert all(Path(one).stat().st_uid == 0 for one in (*own, *images))
    kit.disks.close()
    connection.libvirtd.close()


def test_images_that_can_be_brought_into_no_reach_are_a_reason_to_make_no_machine(
    kit: Kit, server: ImageServer
) -> None:
    if Path("/dev/shm").stat().st_dev == kit.directory.parent.stat().st_dev:
        missing("there is no second file system at /dev/shm")
    url = server.serve("/vm.img", content(10_000))
    image = kit.cache.fetch(url)
    request = kit.request(root_image=url)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        disks = LocalDisks(kit.cache, kit.connection, Path(name), lambda: SETTINGS)
        why = disks.resources([request.machinetype], SETTINGS).refusals["lhcb"]
        assert why.startswith(f"QEMU's user cannot reach the image {image.path}, as others may not search ")
        with pytest.raises(PluginError, match="set image_directory"):
            disks.make(request, Path(name))


def test_cernvm_boots_its_cd_rom_and_has_an_empty_root_disk(kit: Kit, tmp_path: Path) -> None:
    image = tmp_path / "ucernvm.iso"
    image.write_bytes(payload())
    storage, _ = kit.make(kit.request(root_image=str(image), machine_model="cernvm3"))
    cdrom, root = storage.disks
    assert (cdrom.device, cdrom.cdrom, cdrom.read_only, cdrom.shared, cdrom.boot_order) == ("hdc", True, True, True, 1)
    assert cdrom.source == str(image)
    assert root.device == "vda"
    assert Path(root.source).stat().st_size == 14 * GB
    image.write_bytes(bytes(100_000))
    with pytest.raises(PluginError, match="it is no CD-ROM image, which cernvm3 boots"):
        kit.make(kit.request(root_image=str(image), machine_model="cernvm3"))


def test_a_kernel_is_copied_for_each_machine(kit: Kit, tmp_path: Path) -> None:
    for name in ("vmlinuz", "initrd.img"):
        (tmp_path / name).write_bytes(name.encode())
    options = LibvirtMachine(kernel=str(tmp_path / "vmlinuz"), initrd=str(tmp_path / "initrd.img"))
    storage, directory = kit.make(kit.request(machine_model="kernel", plugin_options={"libvirt": options}))
    assert Path(storage.kernel).read_bytes() == b"vmlinuz"
    assert Path(storage.initrd).read_bytes() == b"initrd.img"
    assert Path(storage.kernel).parent == directory
    assert [one.device for one in storage.disks] == ["vdb"]


def test_all_that_a_machine_had_is_let_go_of_also_when_its_creation_was_cut_off(
    kit: Kit, server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.serve("/vm.img", content(10_000))
    kit.cache.fetch(url)
    request = kit.request(root_image=url)

    class Death(BaseException):
        """The daemon dies."""

    def die(*_given: Any) -> str:
        raise Death

    with monkeypatch.context() as patched:
        patched.setattr("vac_libvirt.disks_overlay._volume_xml", die)
        patched.setattr(libvirt.virStoragePool, "destroy", die)
        with pytest.raises(Death):
            kit.make(request)
    assert kit.cache.leases().keys() == {request.machine.id}
    pools = [pool.name() for pool in kit.connection.libvirtd.listAllStoragePools()]
    assert pools == [f"vac-{request.machine.id}"]
    for _ in range(2):
        kit.disks.clear(request.machine.id, kit.directory / request.machine.id)
        assert kit.connection.libvirtd.listAllStoragePools() == []
        assert kit.cache.leases() == {}


def test_a_hostile_image_is_refused_before_libvirt_sees_it(kit: Kit, server: ImageServer, tmp_path: Path) -> None:
    path = tmp_path / "hostile.qcow2"
    words = ["-f", "qcow2", "-b", "/etc/shadow", "-F", "raw"]
    subprocess.run(["qemu-img", "create", "-q", *words, str(path), "1M"], check=True)
    url = server.serve("/vm.img", path.read_bytes())
    kit.cache.fetch(url)
    request = kit.request(root_image=url)
    with pytest.raises(PluginError, match=rf"root_image = {url}: it needs a backing file"):
        kit.make(request)
    refusals = kit.disks.resources([request.machinetype], SETTINGS).refusals
    assert "it needs a backing file" in refusals["lhcb"]


def test_an_image_that_is_not_signed_as_it_must_be_is_refused_before_a_machine_is_promised(
    kit: Kit, server: ImageServer, tmp_path: Path
) -> None:
    ca = authority()
    certificates = install(tmp_path / "certificates", ca)
    news = threading.Semaphore(0)
    signatures = Signatures(certificates, changed=news.release)
    disks = LocalDisks(kit.cache, kit.connection, kit.directory, lambda: SETTINGS, signatures=signatures)
    good, bad = image(ca.issue()), image(authority("Other CA").issue())
    refusals = {}
    for path, data in (("/good.iso", good), ("/bad.iso", bad)):
        kit.cache.fetch(server.serve(path, data))
        of_type = kit.request(
            root_image=server.url + path, machine_model="cernvm3", image_signing_dn=rf"/CN={SIGNER}$"
        ).machinetype
        assert "is being verified" in disks.resources([of_type], SETTINGS).refusals["lhcb"]
        assert news.acquire(timeout=60)
        refusals[path] = disks.resources([of_type], SETTINGS).refusals.get("lhcb", "")
    assert refusals["/good.iso"] == ""
    assert "CN=Other CA is not among the host's" in refusals["/bad.iso"]
    wanted = kit.request(root_image=server.url + "/bad.iso", machine_model="cernvm3", image_signing_dn="/CN=")
    with pytest.raises(PluginError, match="CN=Other CA is not among the host's"):
        disks.make(wanted, kit.directory)


def test_space_is_counted_at_full_size_and_images_on_their_way_are_told(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/vm.img", content(10_000), hold_after=5_000)
    request = kit.request(root_image=url)
    (refusal,) = kit.disks.resources([request.machinetype], SETTINGS).refusals.values()
    assert "is being fetched" in refusal
    server.go_on.set()
    assert isinstance(kit.cache.state(url), Ready) or kit.cache.fetch(url)
    told = kit.disks.resources([request.machinetype], SETTINGS)
    assert told.refusals == {}
    (name,) = told.capacity
    assert name == f"bytes of disk in {kit.directory}"
    demand = told.demands["lhcb"][name]
    assert demand.of(2) == 14 * GB + 10_000


def test_what_machines_hold_now_is_a_part_of_what_there_is(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    file = kit.directory / "one" / "vda.raw"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 10_000_000)
    os.sync()
    usage = type("Usage", (), {"free": 5_000_000})
    monkeypatch.setattr("vac_libvirt.disks_files.shutil.disk_usage", lambda _path: usage)
    (capacity,) = kit.disks.resources([], SETTINGS).capacity.values()
    assert 15_000_000 <= capacity < 15_100_000


def test_space_is_counted_where_the_hypervisor_puts_machines_files(kit: Kit, tmp_path: Path) -> None:
    options = LibvirtPlugin(disk_directory=str(tmp_path / "vac"))
    at = attrs.evolve(kit.home, options=lambda: options)
    parts = assemble(at, kit.connection, lambda: None)
    works = Works(home=at, owner=None, connection=None, domains=None, records=None, parts=parts, accelerator=None)
    (name,) = parts.disks.resources([], SETTINGS).capacity
    assert name == f"bytes of disk in {works.disk_directory('m').parent}"


def test_a_machines_volume_is_its_scratch_disk_where_there_is_a_volume_group(kit: Kit, tmp_path: Path) -> None:
    class Fake(Volumes):
        def exists(self) -> bool:
            return True

        def make(self, machine_id: str, slot: str, processors: int, of_processors: int) -> str:
            return f"/dev/{self.group}/{slot}"

        def remove(self, machine_id: str) -> None:
            removed.append(machine_id)

    removed: list[str] = []
    disks = LocalDisks(kit.cache, kit.connection, kit.directory, lambda: SETTINGS, Fake)
    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    options = LibvirtMachine(kernel=str(tmp_path / "vmlinuz"), extra_disks=(ExtraDisk("vdc", 3),))
    request = kit.request(machine_model="kernel", plugin_options={"libvirt": options})
    (kit.directory / "m").mkdir(parents=True)
    request = attrs.evolve(request, settings=settings(volume_group="vg"))
    scratch, extra = disks.make(request, kit.directory / "m").disks
    assert (scratch.source, scratch.block) == (f"/dev/vg/{request.machine.name}", True)
    assert extra.block is False
    told = disks.resources([request.machinetype], request.settings)
    (demand,) = told.demands["lhcb"].values()
    assert demand.of(8) == 3 * GB
    disks.clear(request.machine.id, kit.directory / "m")
    assert removed == [request.machine.id]


def test_a_broken_lvm_is_a_reason_to_make_no_machine(kit: Kit, tmp_path: Path) -> None:
    class Broken(Volumes):
        def exists(self) -> bool:
            raise PluginError("vgs did not end within 60 s: see whether a disk of LVM hangs")

    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    options = LibvirtMachine(kernel=str(tmp_path / "vmlinuz"))
    of_type = kit.request(machine_model="kernel", plugin_options={"libvirt": options}).machinetype
    disks = LocalDisks(kit.cache, kit.connection, kit.directory, lambda: SETTINGS, Broken)
    assert "vgs did not end" in disks.resources([of_type], settings(volume_group="vg")).refusals["lhcb"]


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"root_image": "https://example.org/a.img"}, []),
        ({}, ["root_image is not set: name an image, by its URL or its file"]),
        ({"machine_model": "kernel"}, ["kernel is not set: name an image, by its URL or its file"]),
        (
            {"root_image": "docker://a/b"},
            ["root_image = docker://a/b is no image of a virtual machine: name a URL of http or https, or a file"],
        ),
        ({"root_image": "https://example.org/a.img", "root_image_sha256": "0" * 64}, []),
        (
            {"root_image": "a", "root_image_sha256": "0" * 64},
            ["root_image_sha256 is for an image that is fetched, and a is a file here: remove it"],
        ),
        ({"root_image": "a", "scratch_device": "vda"}, ["two disks are called vda: name each device once"]),
        ({"root_image": "a", "image_signing_dn": "(a+)+"}, ["image_signing_dn = (a+)+ is no pattern for a DN"]),
    ],
)
def test_faults_of_a_machinetype_are_told_at_once(kit: Kit, changes: dict[str, Any], faults: Sequence[str]) -> None:
    found = disks_wanted.faults(kit.request(**changes).machinetype)
    assert len(found) == len(faults)
    assert all(one.startswith(fault) for one, fault in zip(found, faults, strict=True))


def test_links_in_cvmfs_lead_nowhere_else(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vac_libvirt.disks_wanted.CVMFS", tmp_path / "cvmfs")
    (tmp_path / "cvmfs").mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1000))
    link = tmp_path / "cvmfs" / "image"
    link.symlink_to(secret)
    with pytest.raises(PluginError, match="is a link that leads out of"):
        kit.make(kit.request(root_image=str(link)))
    link.unlink()
    link.write_bytes(bytes(1000))
    assert kit.make(kit.request(root_image=str(link)))


def test_local_files_that_are_not_there_are_a_reason_to_make_no_machine(kit: Kit, tmp_path: Path) -> None:
    of_type = kit.request(root_image="/dev/null").machinetype
    assert "is not there, or no file" in kit.disks.resources([of_type], SETTINGS).refusals["lhcb"]
