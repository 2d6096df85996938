"""What machines take of the host's scarce things, beside disk space: devices, huge pages, memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from vac_core.config.schema import MachineType, Settings
from vac_core.powers import Demand, Resources
from vac_libvirt.host import HostMemory
from vac_libvirt.lending import PCI_DEVICES, free, no_such_devices
from vac_libvirt.options import PciAddress, machine_options

_MIB = 2**20


def host_resources(
    machinetypes: Sequence[MachineType],
    settings: Settings,
    memory: HostMemory,
    lent: Collection[PciAddress],
    devices: Path = PCI_DEVICES,
) -> Resources:
    """``lent`` are the devices that machines have now, ``devices`` the directory in which the host's own are."""
    capacity: dict[str, int] = {}
    demands: dict[str, Mapping[str, Demand]] = {}
    refusals: dict[str, str] = {}
    for one in machinetypes:
        octets = _octets_per_processor(one, settings)
        taken = {**_devices(one, capacity), **_pages(one, octets, memory, capacity)}
        if taken:
            demands[one.name] = taken
        if why := _refusal(one, octets, memory, lent, devices):
            refusals[one.name] = why
    return Resources(capacity=capacity, demands=demands, refusals=refusals)


def _octets_per_processor(machinetype: MachineType, settings: Settings) -> int:
    return (machinetype.mb_per_processor or settings.mb_per_processor) * _MIB


def _devices(machinetype: MachineType, capacity: dict[str, int]) -> dict[str, Demand]:
    groups = machine_options(machinetype).hostdevs
    if not groups:
        return {}
    name = f"PCI devices {' '.join(sorted(str(group) for group in groups))}"
    capacity[name] = len(groups)
    return {name: Demand(per_machine=1)}


def _pages(machinetype: MachineType, octets: int, memory: HostMemory, capacity: dict[str, int]) -> dict[str, Demand]:
    if not machine_options(machinetype).hugepages or not memory.page_size:
        return {}
    name = f"huge pages of {memory.page_size // _MIB} MiB"
    capacity[name] = memory.pages
    return {name: Demand(per_processor=-(-octets // memory.page_size))}


def _refusal(
    machinetype: MachineType, octets: int, memory: HostMemory, lent: Collection[PciAddress], devices: Path
) -> str:
    options = machine_options(machinetype)
    least = machinetype.min_processors * octets
    if least > memory.total:
        return (
            f"a machine needs {least // _MIB} MiB of memory, and this host has {memory.total // _MIB} MiB: "
            "lower mb_per_processor or min_processors"
        )
    if options.hugepages and not memory.pages:
        return "the host has no huge pages: reserve some (vm.nr_hugepages), or remove hugepages"
    if why := no_such_devices(options.hostdevs, devices):
        return why
    if options.hostdevs and not free(options.hostdevs, lent):
        names = ", ".join(str(group) for group in options.hostdevs)
        return f"the devices {names} are all lent to machines: wait until one ends"
    return ""


def joined(*parts: Resources) -> Resources:
    """Several as one; of several reasons against a machinetype the first is told."""
    capacity: dict[str, int] = {}
    demands: dict[str, dict[str, Demand]] = {}
    refusals: dict[str, str] = {}
    for part in parts:
        capacity.update(part.capacity)
        for name, wanted in part.demands.items():
            demands.setdefault(name, {}).update(wanted)
        for name, why in part.refusals.items():
            refusals.setdefault(name, why)
    return Resources(capacity=capacity, demands=demands, refusals=refusals)


def all_refused(machinetypes: Sequence[MachineType], why: str) -> Resources:
    """None can be made, for one reason."""
    return Resources(refusals={one.name: why for one in machinetypes} if why else {})
