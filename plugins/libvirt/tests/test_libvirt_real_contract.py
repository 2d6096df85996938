"""The contract of hypervisors, against real libvirt and QEMU: each machine is a guest that boots.

The hypervisor lives in the test's own process; its libvirt, network and guests are in a box.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from guest_host import NETWORK, libvirt_with_network
from image_server import wait_until
from tiny_guest import CMDLINE, MEMORY_MB, tiny_guest
from vac_libvirt import LibvirtHypervisor
from vac_libvirt.options import LibvirtMachine, LibvirtPlugin

from vac_core.config.schema import MachineType
from vac_core.context.seed import SEED_MAX
from vac_core.interfaces import CreateRequest, Home
from vac_core.testing.box import LibvirtHost
from vac_core.testing.contracts.host import Host
from vac_core.testing.contracts.hypervisor import HypervisorContract
from vac_core.testing.makers import create_request, machine, machinetype

pytestmark = pytest.mark.system

BOOTED = "tiny: has the seed"


class Booted(LibvirtHypervisor):
    """Waits until a guest has booted before it does what a guest hears of: a kernel that starts has no power button."""

    plugin: ClassVar[LibvirtPlugin]
    machines_dir: Path

    def start(self, home: Home) -> None:
        self.machines_dir = home.machines_dir
        super().start(attrs.evolve(home, options=lambda: self.plugin))

    def request_stop(self, machine_id: str) -> None:
        self._await_boot(machine_id)
        super().request_stop(machine_id)

    def pause(self, machine_id: str) -> None:
        self._await_boot(machine_id)
        super().pause(machine_id)

    def _await_boot(self, machine_id: str) -> None:
        console = self.machines_dir / machine_id / "console.log"
        if console.exists():
            wait_until(lambda: BOOTED in console.read_text("utf-8", "replace"), seconds=300)


@pytest.fixture(scope="module")
def libvirt_host() -> Iterator[LibvirtHost]:
    with libvirt_with_network() as one:
        yield one


class TestRealLibvirt(HypervisorContract):
    user_data_stays: ClassVar[bytes] = b"#!/bin/sh\nwhile :; do sleep 1; done\n"
    user_data_stubborn: ClassVar[bytes | None] = b"#!/bin/sh\nkillall acpid\nwhile :; do sleep 1; done\n"
    user_data_bad: ClassVar[bytes | None] = b"#!/bin/sh\n" + bytes(SEED_MAX)
    patience_seconds: ClassVar[float] = 300.0

    @pytest.fixture
    def hypervisor(self, libvirt_host: LibvirtHost) -> Iterator[LibvirtHypervisor]:
        disks = Path(tempfile.mkdtemp(prefix="vac-disks-", dir="/var/tmp"))
        disks.chmod(0o711)
        plugin = LibvirtPlugin(uri=libvirt_host.uri, virt_type="qemu", network=NETWORK, disk_directory=str(disks))
        yield type("RealLibvirt", (Booted,), {"plugin": plugin})()
        left = [one for one in disks.rglob("*") if one.is_file()]
        shutil.rmtree(disks)
        assert left == []

    def machinetype(self, hypervisor: Any) -> MachineType:
        guest = tiny_guest()
        boots = LibvirtMachine(kernel=str(guest.kernel), initrd=str(guest.initrd), cmdline=CMDLINE, chipset="q35")
        return machinetype(
            machine_model="kernel", hypervisor="libvirt", disk_gb_per_processor=1, plugin_options={"libvirt": boots}
        )

    def request(self, host: Host, user_data: bytes, home: Home | None = None) -> CreateRequest:
        """One slot for each machine: its name and its address are its slot's."""
        of_type = self.machinetype(host.hypervisor)
        memory = MEMORY_MB * 2**20
        one = machine(next(self.slots), machine_model="kernel", hypervisor="libvirt", memory_bytes=memory)
        return create_request(home or host.home, one, of_type, user_data=user_data)

    @pytest.fixture(autouse=True)
    def _slots(self) -> None:
        self.slots = count()
