"""What can be said of a machinetype before any machine is made of it: faults of its options, and what is not here."""

from __future__ import annotations

from collections.abc import Iterator

from vac_core.config.schema import MachineType
from vac_libvirt import checking, disks_wanted
from vac_libvirt.lending import no_such_devices
from vac_libvirt.options import machine_options


def faults(machinetype: MachineType) -> list[str]:
    """What is wrong with its options, one message each."""
    return [*checking.faults(machinetype), *disks_wanted.faults(machinetype)]


def missing(machinetype: MachineType) -> Iterator[str]:
    """Files that may still come, and devices that are not there, one message each; no URL is asked."""
    for one in disks_wanted.sources(machinetype):
        if not one.url:
            try:
                disks_wanted.path_of(one, machinetype)
            except ValueError as error:
                yield f"{one.option}: {error}: put the file there, or mend the name"
    if why := no_such_devices(machine_options(machinetype).hostdevs):
        yield why
