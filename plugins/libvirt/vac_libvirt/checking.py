"""What is wrong with a machinetype's options before any machine is made of it, beside what its parts say."""

from __future__ import annotations

import re
from typing import Final

from vac_core.config.schema import MachineType
from vac_libvirt.options import machine_options

_DEVICE: Final = re.compile(r"(?:vd|sd|hd)[a-z]")


def faults(machinetype: MachineType) -> list[str]:
    """One message each."""
    options = machine_options(machinetype)
    found = [
        f"{name} = {device} is no name of a disk: write one such as vda"
        for name, device in _devices(machinetype)
        if _DEVICE.fullmatch(device) is None
    ]
    if options.firmware == "uefi" and machinetype.machine_model.startswith("cernvm"):
        found.append(f"firmware = uefi: {machinetype.machine_model} boots by BIOS only: remove firmware")
    if options.context == "cernvm" and not machinetype.machine_model.startswith("cernvm"):
        found.append(f"context = cernvm: only CernVM's images look for it, and this is {machinetype.machine_model}")
    return found


def _devices(machinetype: MachineType) -> list[tuple[str, str]]:
    extra = [("extra_disks", disk.device) for disk in machine_options(machinetype).extra_disks]
    return [("root_device", machinetype.root_device), ("scratch_device", machinetype.scratch_device), *extra]
