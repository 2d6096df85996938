"""Which of the host's devices a machine is lent: of its machinetype's, one that no other machine of ours has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from vac_core.interfaces import PluginError
from vac_libvirt.options import DeviceGroup, PciAddress
from vac_libvirt.record import Records

PCI_DEVICES: Final = Path("/sys/bus/pci/devices")


def lent(records: Records) -> frozenset[PciAddress]:
    """The devices that our machines have, ended ones that are not cleared away yet included."""
    made = (record.made() for record in records.all())
    return frozenset(device for one in made if one is not None for group in one.lent for device in group.devices)


def free(groups: Sequence[DeviceGroup], taken: Collection[PciAddress]) -> list[DeviceGroup]:
    """Those of which no device is lent."""
    return [group for group in groups if not any(device in taken for device in group.devices)]


def absent(groups: Sequence[DeviceGroup], devices: Path = PCI_DEVICES) -> list[PciAddress]:
    """Devices that this host does not have."""
    return [one for group in groups for one in group.devices if not (devices / str(one)).exists()]


def choose(groups: Sequence[DeviceGroup], taken: Collection[PciAddress]) -> tuple[DeviceGroup, ...]:
    """One for a new machine, or none where its machinetype wants none. Raises `PluginError` where none is left."""
    if not groups:
        return ()
    left = free(groups, taken)
    if not left:
        names = ", ".join(str(group) for group in groups)
        raise PluginError(f"the devices {names} are all lent to machines: wait until one ends")
    return (left[0],)


def no_such_devices(groups: Sequence[DeviceGroup], devices: Path = PCI_DEVICES) -> str:
    """Which of a machinetype's devices this host does not have; empty for none."""
    names = ", ".join(str(one) for one in absent(groups, devices))
    return f"hostdevs: this host has no PCI device {names}: lspci -D lists those it has" if names else ""
