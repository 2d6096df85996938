"""Disk space as the factory counts it before it promises a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vac_core.config.schema import MachineType, Settings
from vac_core.powers import Demand
from vac_libvirt.disks_files import room
from vac_libvirt.disks_wanted import empty_disks

_MIB: Final = 2**20


def disk_space(directory: Path, settings: Settings) -> tuple[str, int]:
    """The resource's name for people, and how many octets machines may have of it in all."""
    return f"bytes of disk in {directory}", room(directory, settings.min_disk_free_mb * _MIB)


def demands(machinetype: MachineType, settings: Settings, root_size: int, *, volumes: bool) -> Demand:
    """What one machine may come to take: sparse disks and overlays count at full size, as a guest may fill them."""
    files = [one for one in empty_disks(machinetype, settings) if not (one.volume and volumes)]
    return Demand(
        per_machine=root_size + sum(one.fixed for one in files),
        per_processor=sum(one.per_processor for one in files),
    )
