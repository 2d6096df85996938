"""The ``libvirt`` hypervisor: machines are virtual machines, which libvirt runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home, Hypervisor, Observed, PluginError, Urls
from vac_core.model import Health, HealthState, Machine
from vac_core.powers import MEDIA, Resources
from vac_libvirt.counting import all_refused, host_resources, joined
from vac_libvirt.host import host_memory
from vac_libvirt.lending import lent
from vac_libvirt.options import MODELS, PciAddress, context_of, machine_options
from vac_libvirt.record import Records
from vac_libvirt.virtiofsd import why_no_directory_is_shared

if TYPE_CHECKING:
    from vac_libvirt.running import Running


class LibvirtHypervisor(Hypervisor):
    """Machines that are transient domains of libvirt, each with our mark.

    Its state directory holds one record for each machine, made before the machine and removed after it.
    """

    name = "libvirt"
    machine_models = MODELS
    media = frozenset(MEDIA)

    def __init__(self) -> None:
        self._running: Running | None = None

    def start(self, home: Home) -> None:
        """Connect to libvirt, or go on trying; find the machines that are there."""
        from vac_libvirt.running import begin  # noqa: PLC0415 - a factory's alone: commands are quick without

        self._running = begin(home)

    @property
    def _now(self) -> Running:
        if self._running is None:
            raise PluginError("the hypervisor libvirt was not started: call start first")
        return self._running

    def stop(self) -> None:
        """Let go of the connection; machines go on running."""
        if self._running is not None:
            self._running.works.connection.close()
            self._running.works.parts.disks.close()

    def health(self) -> Health:
        """Whether libvirt answers, and how machines run."""
        now = self._now
        if trouble := now.works.connection.trouble:
            return Health(HealthState.UNUSABLE, trouble, "see that libvirtd runs and that this user may use it")
        if trouble := now.upkeep.refusal:
            return Health(HealthState.UNUSABLE, trouble, "mend that; it is looked at again within a minute")
        if trouble := now.works.parts.network.trouble:
            return Health(HealthState.DEGRADED, trouble, "see the factory's log")
        found = now.works.accelerator.health()
        if why := why_no_directory_is_shared():
            return attrs.evolve(found, found=f"{found.found}; no machine can share a directory with the host: {why}")
        return found

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with a machinetype for libvirt."""
        from vac_libvirt.looking_ahead import faults  # noqa: PLC0415 - as in start

        found = faults(machinetype)
        if self._running is not None:
            parts = self._running.works.parts
            found += [*parts.network.check(machinetype), *parts.delivery.check(machinetype)]
        return found

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        """Files and devices that are not there now."""
        from vac_libvirt.looking_ahead import missing  # noqa: PLC0415 - as in start

        return list(missing(machinetype))

    def features_for(self, machine: Machine, directory: Path) -> Urls | None:
        """URLs of the HTTP service on the machines' own network; with its token, where the network is the site's."""
        del machine, directory
        return self._now.works.parts.network.urls()

    def delivery_of(self, machinetype: MachineType) -> str:
        """What its option ``context`` says."""
        return context_of(machinetype)

    def create(self, request: CreateRequest) -> Mapping[str, str]:
        """Make its disks, its seed and its domain, and start it."""
        return self._now.creation.make(request)

    def list_machines(self) -> Sequence[Observed]:
        """All that have a record, and all domains with this factory's mark."""
        now = self._now
        return now.watching.look(now.works.connection, now.creation.under_way)

    def request_stop(self, machine_id: str) -> None:
        """Press its power button."""
        self._now.works.domains.shut_down(machine_id)

    def destroy(self, machine_id: str) -> None:
        """End its domain, and remove all but the machine's directory."""
        self._now.destroy(machine_id)

    def watch(self, changed: Callable[[str], None]) -> None:
        """Tell of libvirt's events as they come."""
        watching = self._now.watching
        watching.tell(changed)
        watching.all_may_have_changed()

    def pause(self, machine_id: str) -> None:
        """Stop its processors."""
        self._now.works.domains.hold(machine_id, held=True)

    def resume(self, machine_id: str) -> None:
        """Let them go on."""
        self._now.works.domains.hold(machine_id, held=False)

    def cap(self, machine_id: str, part: float | None) -> None:
        """Limit its processors' time."""
        self._now.works.domains.cap(machine_id, part)

    def service_addresses(self) -> Sequence[tuple[str, int]]:
        """The link-local addresses of its own network, where it has one."""
        return self._now.works.parts.network.service_addresses()

    def address_of(self, machine: Machine) -> str:
        """The address of its slot."""
        return self._now.works.parts.network.address_of(machine)

    def resources(self, machinetypes: Sequence[MachineType]) -> Resources:
        """Disk space, images, devices, huge pages and memory; and why nothing can be made while libvirt is away."""
        now = self._now
        works, settings = now.works, now.works.home.settings()
        return joined(
            all_refused(machinetypes, works.connection.trouble or now.upkeep.refusal),
            host_resources(machinetypes, settings, host_memory(), _lent(works.records, machinetypes)),
            works.parts.disks.resources(machinetypes, settings),
        )


def _lent(records: Records, machinetypes: Sequence[MachineType]) -> Collection[PciAddress]:
    """The devices that machines have; the records are read only where somebody wants devices."""
    return lent(records) if any(machine_options(one).hostdevs for one in machinetypes) else ()
