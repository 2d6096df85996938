"""The contract of hypervisors, against libvirt's own test driver.

The driver keeps domains in this process, with all their events, and runs no guests. So what a guest would do by itself
is done for it here: a domain whose user_data ends is shut down. What only a guest can show (that it heeds ACPI, or does
not) is tested with real ones in test_libvirt_real_contract.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import attrs
import libvirt
import pytest
from vac_libvirt import LibvirtHypervisor
from vac_libvirt.options import LibvirtMachine, LibvirtPlugin

from vac_core.config.schema import MachineType
from vac_core.context.seed import SEED_MAX
from vac_core.interfaces import CreateRequest, Home, PluginError
from vac_core.testing.contracts.host import Host
from vac_core.testing.contracts.hypervisor import HypervisorContract
from vac_core.testing.makers import create_request, machine, machinetype

URI = "test:///default"
ENDS = b"#!/bin/sh\nexit 0\n"


class WithoutGuests(LibvirtHypervisor):
    """Shuts down, in a guest's place, what would have ended by itself."""

    def start(self, home: Home) -> None:
        options = LibvirtPlugin(uri=URI, disk_directory=str(home.state_dir / "disks"))
        super().start(attrs.evolve(home, options=lambda: options))

    def create(self, request: CreateRequest) -> Mapping[str, str]:
        details = super().create(request)
        if request.context.user_data == ENDS:
            other = libvirt.open(URI)
            other.lookupByUUIDString(request.machine.id).shutdown()
            other.close()
        return details


class TestLibvirtsTestDriver(HypervisorContract):
    user_data_ends: ClassVar[bytes] = ENDS
    user_data_stubborn: ClassVar[bytes | None] = None
    user_data_bad: ClassVar[bytes | None] = bytes(SEED_MAX)
    patience_seconds: ClassVar[float] = 60.0

    @pytest.fixture
    def hypervisor(self, driver: Any) -> LibvirtHypervisor:
        return WithoutGuests()

    @pytest.fixture(autouse=True)
    def _kernel(self, tmp_path: Path) -> None:
        self.kernel = tmp_path / "vmlinuz"
        self.kernel.write_bytes(b"no guest runs it")

    def machinetype(self, hypervisor: Any) -> MachineType:
        return machinetype(
            machine_model="kernel",
            hypervisor="libvirt",
            plugin_options={"libvirt": LibvirtMachine(kernel=str(self.kernel))},
        )

    def request(self, host: Host, user_data: bytes, home: Home | None = None) -> CreateRequest:
        """One slot for each machine: a domain's name is its slot's."""
        of_type = self.machinetype(host.hypervisor)
        one = machine(next(self.slots), machine_model="kernel", hypervisor="libvirt", memory_bytes=2**27)
        return create_request(home or host.home, one, of_type, user_data=user_data)

    @pytest.fixture(autouse=True)
    def _slots(self) -> None:
        self.slots = count()

    def test_a_machine_is_held_down_and_let_go(self, host: Host) -> None:
        """This driver has no quotas of processors' time: that must be an error a policy can be told of."""
        machine_id = self.made(host, self.user_data_stays)
        with pytest.raises(PluginError, match="cannot be capped"):
            host.hypervisor.cap(machine_id, 0.5)
        assert host.runs(machine_id)
