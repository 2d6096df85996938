"""Virtual machines of images that have a URL, under a real libvirt: refused until they are here, leased, and let go of.

Their disk boots a guest of one sector that does nothing.
"""

from __future__ import annotations

import queue
import subprocess
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest
from guest_host import real_libvirt
from image_server import ImageServer
from libvirt_guests import reachable_directory
from vac_libvirt import LibvirtHypervisor
from vac_libvirt.options import LibvirtPlugin

from vac_core.images import ImageCache, ImageError
from vac_core.interfaces import CreateRequest, Home
from vac_core.testing.box import LibvirtHost
from vac_core.testing.contracts.host import Host, opened
from vac_core.testing.makers import create_request, machine, machinetype
from vac_core.testing.makers import home as make_home

pytestmark = pytest.mark.system

NETWORK = "sites"
PATIENCE = 120.0
STAYS = (bytes.fromhex("faf4ebfd").ljust(510, b"\0") + b"\x55\xaa").ljust(2**20, b"\0")  # cli; hlt; and again


@pytest.fixture(scope="module")
def real() -> Iterator[LibvirtHost]:
    with real_libvirt() as host:
        with libvirt.open(host.uri) as connection:
            connection.networkCreateXML(f"<network><name>{NETWORK}</name><bridge name='sites0'/></network>")
        yield host


@pytest.fixture
def server() -> Iterator[ImageServer]:
    made = ImageServer()
    yield made
    made.close()


@pytest.fixture
def disks() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


@pytest.fixture
def home(real: LibvirtHost, disks: Path, tmp_path: Path) -> Home:
    options = LibvirtPlugin(uri=real.uri, virt_type="qemu", network=NETWORK, disk_directory=str(disks / "vac"))
    return make_home(tmp_path, options=options, image_directory=str(disks / "images"), min_disk_free_mb=0)


@pytest.fixture
def host(home: Home) -> Iterator[Host]:
    with opened(LibvirtHypervisor(), home) as host:
        yield host
        for one in host.hypervisor.list_machines():
            host.hypervisor.destroy(one.machine_id)


@pytest.fixture
def qcow2(tmp_path: Path) -> bytes:
    """The guest's disk as a qcow2 image."""
    (tmp_path / "stays").write_bytes(STAYS)
    words = ["-f", "raw", "-O", "qcow2", str(tmp_path / "stays"), str(tmp_path / "stays.qcow2")]
    subprocess.run(["qemu-img", "convert", *words], check=True)
    return (tmp_path / "stays.qcow2").read_bytes()


def request(host: Host, url: str, slot: int = 0) -> CreateRequest:
    of_type = machinetype(machine_model="vm-raw", hypervisor="libvirt", root_image=url, disk_gb_per_processor=1)
    one = machine(slot, machine_model="vm-raw", hypervisor="libvirt", memory_bytes=2**26)
    return create_request(host.home, one, of_type)


def refusals(host: Host, made: CreateRequest) -> str:
    """What stands in the way of its machinetype."""
    return str(host.hypervisor.resources([made.machinetype]).refusals.get("lhcb", ""))


def wait_until_ready(host: Host, made: CreateRequest) -> None:
    """Wait for news until nothing does."""
    while refusals(host, made):
        try:
            host.news.get(timeout=PATIENCE)
        except queue.Empty:
            pytest.fail(f"no news made it ready: {refusals(host, made)}")


def test_machines_wait_for_their_image_keep_it_and_let_it_go(
    host: Host, server: ImageServer, disks: Path, qcow2: bytes
) -> None:
    url = server.serve("/vm.qcow2", qcow2, hold_after=1000)
    first, second = request(host, url), request(host, url, 1)
    assert "vm.qcow2 is being fetched" in refusals(host, first)
    with pytest.raises(ImageError, match="is being fetched"):
        host.hypervisor.create(first)
    assert list((disks / "vac" / "machines").iterdir()) == []
    server.go_on.set()
    wait_until_ready(host, first)
    details = host.hypervisor.create(first)
    assert host.runs(first.machine.id)
    [image] = (disks / "images" / "objects").iterdir()
    assert details["root_image_sha256"] == image.name
    cache = ImageCache(disks / "images", host.home.settings)
    cache.fetch(server.serve("/vm.qcow2", STAYS, etag='"two"'))
    host.hypervisor.create(second)
    held = cache.leases()
    assert held.keys() == {first.machine.id, second.machine.id}
    assert held[first.machine.id] != held[second.machine.id]
    for one in (first, second):
        assert host.runs(one.machine.id)
        host.hypervisor.destroy(one.machine.id)
    assert cache.leases() == {}
    assert list((disks / "vac" / "machines").iterdir()) == []
    assert image.read_bytes() == qcow2


def test_a_new_daemon_lets_go_of_what_an_old_ones_machines_leased(
    host: Host, server: ImageServer, disks: Path, qcow2: bytes
) -> None:
    made = request(host, server.serve("/vm.qcow2", qcow2))
    wait_until_ready(host, made)
    host.hypervisor.create(made)
    with opened(LibvirtHypervisor(), host.home) as again:
        cache = ImageCache(disks / "images", host.home.settings)
        assert cache.leases().keys() == {made.machine.id}
        again.hypervisor.destroy(made.machine.id)
        assert cache.leases() == {}
