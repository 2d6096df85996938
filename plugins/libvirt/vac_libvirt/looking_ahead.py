"""What machines of a type lack on this host as yet: files that may still come, devices that are not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from vac_core.config.schema import MachineType
from vac_libvirt.disks_wanted import path_of, sources
from vac_libvirt.lending import PCI_DEVICES, absent
from vac_libvirt.options import DeviceGroup, machine_options


def missing(machinetype: MachineType) -> Iterator[str]:
    """One message each; no URL is asked."""
    for one in sources(machinetype):
        if not one.url:
            try:
                path_of(one, machinetype)
            except ValueError as error:
                yield f"{one.option}: {error}: put the file there, or mend the name"
    if why := no_such_devices(machine_options(machinetype).hostdevs):
        yield why


def no_such_devices(groups: Sequence[DeviceGroup], devices: Path = PCI_DEVICES) -> str:
    """Which of a machinetype's devices this host does not have; empty for none."""
    names = ", ".join(str(one) for one in absent(groups, devices))
    return f"hostdevs: this host has no PCI device {names}: lspci -D lists those it has" if names else ""
