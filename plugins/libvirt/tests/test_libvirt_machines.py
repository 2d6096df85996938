"""Virtual machines of every form, made by the hypervisor under a real libvirt; what they had is gone with them.

Their disk boots a guest of one sector that does nothing, so no operating system is needed.
"""

from __future__ import annotations

import queue
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import libvirt
import pytest
from engines import missing
from guest_host import real_libvirt
from image_server import wait_until
from libvirt_guests import reachable_directory
from vac_libvirt import LibvirtHypervisor
from vac_libvirt.options import LibvirtMachine, LibvirtPlugin, extra_disks
from vac_libvirt.trial_guest import trial_disk

from vac_core.interfaces import CreateRequest, Home, PluginError
from vac_core.testing.box import LibvirtHost
from vac_core.testing.contracts.host import Host, opened
from vac_core.testing.makers import create_request, machine, machinetype
from vac_core.testing.makers import home as make_home

pytestmark = pytest.mark.system

NETWORK = "sites"
PATIENCE = 120.0
STAYS = (bytes.fromhex("faf4ebfd").ljust(510, b"\0") + b"\x55\xaa").ljust(2**20, b"\0")  # cli; hlt; and again
FLOODS = (bytes.fromhex("baf803b041eeebfd").ljust(510, b"\0") + b"\x55\xaa").ljust(2**20, b"\0")  # an A, and again
LOG_OCTETS = 2 * 2**20
"""Where virtlogd begins a new file, unless the site says otherwise."""

OVMF = ("/usr/share/OVMF", "/usr/share/edk2/ovmf")


@pytest.fixture(scope="module")
def real() -> Iterator[LibvirtHost]:
    with real_libvirt() as host:
        connection = libvirt.open(host.uri)
        connection.networkCreateXML(
            f"<network><name>{NETWORK}</name><bridge name='sites0'/><ip address='192.0.2.1' netmask='255.255.255.0'/>"
            "</network>"
        )
        connection.close()
        yield host


@pytest.fixture
def disks() -> Iterator[Path]:
    with reachable_directory() as directory:
        (directory / "stays").write_bytes(STAYS)
        (directory / "floods").write_bytes(FLOODS)
        (directory / "ends").write_bytes(trial_disk(1, 1))
        yield directory


@pytest.fixture
def home(real: LibvirtHost, disks: Path, tmp_path: Path) -> Home:
    options = LibvirtPlugin(uri=real.uri, virt_type="qemu", network=NETWORK, disk_directory=str(disks / "vac"))
    return make_home(tmp_path, options=options)


@pytest.fixture
def host(home: Home) -> Iterator[Host]:
    with opened(LibvirtHypervisor(), home) as host:
        yield host
        for one in host.hypervisor.list_machines():
            host.hypervisor.destroy(one.machine_id)


slots = count()


def request(host: Host, disks: Path, *, image: str = "stays", **options: Any) -> CreateRequest:
    of_type = machinetype(
        machine_model="vm-raw",
        hypervisor="libvirt",
        root_image=str(disks / image),
        disk_gb_per_processor=1,
        plugin_options={"libvirt": LibvirtMachine(**options)},
    )
    one = machine(next(slots) % 100, machine_model="vm-raw", hypervisor="libvirt", memory_bytes=2**26)
    return create_request(host.home, one, of_type)


def description(real: LibvirtHost, machine_id: str) -> ET.Element:
    with libvirt.open(real.uri) as connection:
        return ET.fromstring(connection.lookupByUUIDString(machine_id).XMLDesc())


def left(disks: Path) -> list[Path]:
    return list((disks / "vac" / "machines").iterdir())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chipset": "pc"},
        {"cpu_mode": "EPYC"},
        {"cpu_mode": "maximum", "extra_disks": extra_disks("vdc:1 sdd:1")},
        {"context": "configdrive", "chipset": "pc"},
    ],
)
def test_a_machine_of_every_form_runs_and_leaves_nothing(host: Host, disks: Path, options: dict[str, Any]) -> None:
    made = request(host, disks, **options)
    host.hypervisor.create(made)
    assert host.runs(made.machine.id)
    assert left(disks) != []
    host.hypervisor.destroy(made.machine.id)
    assert left(disks) == []
    assert (made.directory / "console.log").stat().st_mode & 0o777 == 0o600


def test_uefi_variables_are_the_machines_own_and_gone_with_it(host: Host, disks: Path, real: LibvirtHost) -> None:
    if not any(Path(one).is_dir() for one in OVMF):
        missing("no UEFI firmware for QEMU here: install ovmf")
    made = request(host, disks, firmware="uefi")
    host.hypervisor.create(made)
    nvram = description(real, made.machine.id).findtext("os/nvram")
    assert nvram is not None
    assert Path(nvram).is_file()
    assert Path(nvram).is_relative_to(disks)
    host.hypervisor.destroy(made.machine.id)
    assert left(disks) == []


def test_a_screen_is_shown_on_loopback_alone(host: Host, disks: Path, real: LibvirtHost) -> None:
    made = request(host, disks, vnc=True)
    host.hypervisor.create(made)
    listeners = [one.get("address") for one in description(real, made.machine.id).iterfind("devices/graphics/listen")]
    assert listeners == ["127.0.0.1"]


def test_a_machine_that_qemu_refuses_is_told_of_and_leaves_nothing(host: Host, disks: Path) -> None:
    made = request(host, disks, cpu_mode="NoSuchModel")
    with pytest.raises(PluginError, match=f"machine {made.machine.id} cannot be started: libvirt says: .*NoSuchModel"):
        host.hypervisor.create(made)
    assert host.find(made.machine.id) is None
    assert left(disks) == []


def test_a_limit_of_processors_time_is_set_and_taken_away(host: Host, disks: Path, real: LibvirtHost) -> None:
    made = request(host, disks)
    host.hypervisor.create(made)
    with libvirt.open(real.uri) as connection:
        domain = connection.lookupByUUIDString(made.machine.id)
        for part, quota in ((0.25, 25_000), (None, -1)):
            host.hypervisor.cap(made.machine.id, part)
            assert domain.schedulerParameters()["vcpu_quota"] == quota


def test_a_machine_that_prints_without_end_fills_no_disk(host: Host, disks: Path) -> None:
    made = request(host, disks, image="floods")
    host.hypervisor.create(made)
    wait_until((made.directory / "console.log.0").exists, seconds=PATIENCE)
    logs = sorted(made.directory.glob("console.log*"))
    assert len(logs) <= 4
    assert all(one.stat().st_size <= LOG_OCTETS for one in logs)


def test_how_a_machine_ended_is_told_also_after_a_restart_of_the_factory(host: Host, disks: Path) -> None:
    ends, killed = request(host, disks, image="ends"), request(host, disks)
    for one in (ends, killed):
        host.hypervisor.create(one)
    with libvirt.open(host.home.options().uri) as connection:
        connection.lookupByUUIDString(killed.machine.id).destroy()
    until_ended(host, {ends.machine.id, killed.machine.id})
    with opened(LibvirtHypervisor(), host.home) as again:
        notes = {one.machine_id: one.note for one in again.hypervisor.list_machines()}
    assert notes == {ends.machine.id: "", killed.machine.id: "it was destroyed"}


def until_ended(host: Host, wanted: set[str]) -> None:
    while not all(host.has_ended(one) for one in wanted):
        try:
            host.news.get(timeout=PATIENCE)
        except queue.Empty:
            pytest.fail(f"no news of an end in {PATIENCE} s: {host.hypervisor.list_machines()}")


def test_what_a_factory_that_lost_its_state_has_left_is_found_by_its_mark_and_can_be_ended(
    host: Host, disks: Path, tmp_path: Path
) -> None:
    made = request(host, disks)
    host.hypervisor.create(made)
    fresh = make_home(tmp_path / "fresh", options=host.home.options())
    with opened(LibvirtHypervisor(), attrs.evolve(fresh, factory=host.home.factory)) as other:
        assert [one.machine_id for one in other.hypervisor.list_machines()] == [made.machine.id]
        other.hypervisor.destroy(made.machine.id)
        assert list(other.hypervisor.list_machines()) == []
    assert left(disks) == []
