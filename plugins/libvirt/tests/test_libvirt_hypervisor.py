"""What the hypervisor promises and refuses, and how it says so, on libvirt's test driver and without any libvirt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import libvirt
import pytest
from vac_libvirt import LibvirtHypervisor, hypervisor
from vac_libvirt.domains import press_power_button
from vac_libvirt.options import LibvirtMachine, LibvirtPlugin, device_groups

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, PluginError
from vac_core.model import HealthState
from vac_core.testing.contracts.host import Host, opened
from vac_core.testing.makers import create_request, home, machine, machinetype

URI = "test:///default"
AWAY = "qemu+unix:///system?socket=/nonexistent/socket"

Open = Callable[..., Host]


@pytest.fixture
def start(driver: Any, tmp_path: Path) -> Iterator[Open]:
    """Starts a hypervisor with these options of [plugin libvirt]."""
    with ExitStack() as stack:

        def begin(**options: Any) -> Host:
            plugin = LibvirtPlugin(**{"uri": URI, "disk_directory": str(tmp_path / "disks"), **options})
            return stack.enter_context(opened(LibvirtHypervisor(), home(tmp_path, options=plugin)))

        yield begin


@pytest.fixture
def of_type(tmp_path: Path) -> Callable[..., MachineType]:
    (tmp_path / "vmlinuz").write_bytes(b"no guest runs it")

    def make(**options: Any) -> MachineType:
        chosen = LibvirtMachine(kernel=str(tmp_path / "vmlinuz"), **options)
        return machinetype(machine_model="kernel", hypervisor="libvirt", plugin_options={"libvirt": chosen})

    return make


slots = count()


def request(host: Host, one: MachineType) -> CreateRequest:
    of_slot = machine(next(slots) % 100, machine_model="kernel", hypervisor="libvirt", memory_bytes=2**27)
    return create_request(host.home, of_slot, one)


def test_a_host_on_which_no_directory_can_be_shared_says_so(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypervisor, "why_no_directory_is_shared", lambda: "there is no virtiofsd: install it")
    health = start().hypervisor.health()
    assert health.state is HealthState.HEALTHY
    assert "install it" in health.found


def test_devices_are_lent_one_to_each_machine_and_come_back(start: Open, of_type: Any) -> None:
    host = start()
    gpus = of_type(hostdevs=device_groups("0000:3b:00.0+0000:3b:00.1 0000:af:00.0"))
    made = [request(host, gpus) for _ in range(4)]
    for one in made[:2]:
        host.hypervisor.create(one)
    with pytest.raises(PluginError, match="all lent to machines"):
        host.hypervisor.create(made[2])
    assert host.find(made[2].machine.id) is None
    host.hypervisor.destroy(made[0].machine.id)
    host.hypervisor.create(made[3])
    assert host.runs(made[3].machine.id)


def test_while_libvirt_is_away_nothing_is_promised_and_nothing_half_made(start: Open, of_type: Any) -> None:
    host = start(uri=AWAY, virt_type="qemu")
    one = of_type()
    assert "start libvirtd" in host.hypervisor.resources([one]).refusals[one.name]
    assert host.hypervisor.health().state is HealthState.UNUSABLE
    with pytest.raises(PluginError, match="no connection to libvirt"):
        host.hypervisor.list_machines()
    with pytest.raises(PluginError, match="no connection to libvirt"):
        host.hypervisor.create(request(host, one))
    assert list((host.home.state_dir / "machines").iterdir()) == []


def test_without_its_network_nothing_is_promised_and_the_reason_is_told(start: Open, of_type: Any) -> None:
    host = start(network="nobodys")
    one = of_type()
    refusal = host.hypervisor.resources([one]).refusals[one.name]
    assert "nobodys is not there: make and start it" in refusal
    assert host.hypervisor.health().found == refusal


def test_what_is_wrong_with_a_machinetype_is_told_all_at_once_and_without_libvirt(of_type: Any) -> None:
    one = of_type(context="cernvm", extra_disks=())
    wrong = machinetype(machine_model="vm-raw", root_device="zz", plugin_options=one.plugin_options)
    told = "\n".join(LibvirtHypervisor().check(wrong))
    for part in ("root_device = zz is no name", "context = cernvm", "root_image is not set"):
        assert part in told


class Domain:
    """A domain that notes in which ways it is asked to shut down, and refuses some."""

    def __init__(self, *refused: int) -> None:
        self._refused, self.asked = refused, list[Any]()

    def shutdownFlags(self, flags: int) -> None:  # noqa: N802 - libvirt's name
        self.asked.append(flags)
        if flags in self._refused:
            raise libvirt.libvirtError("no such agent")

    def agentSetResponseTimeout(self, seconds: int) -> None:  # noqa: N802 - libvirt's name
        self.asked.append(f"wait no longer than {seconds} s")


ACPI, AGENT = libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN, libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT


@pytest.mark.parametrize("domain", [Domain(), Domain(AGENT)])
def test_a_guests_agent_is_asked_after_acpi_and_not_waited_for(domain: Domain) -> None:
    """It is a program of the guest's, and may never answer."""
    press_power_button(domain)
    assert domain.asked == [ACPI, "wait no longer than 2 s", AGENT]
