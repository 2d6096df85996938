"""What a machine has of `vac_core.powers.MEDIA`: a directory shared with its host, a floppy disk, a further CD-ROM."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import attrs

from vac_core.interfaces import CreateRequest, MachineTypeError, PluginError
from vac_core.powers import SHARED
from vac_libvirt.delivery import write_private
from vac_libvirt.devices import target_of
from vac_libvirt.options import machine_options
from vac_libvirt.parts import Disk
from vac_libvirt.virtiofsd import why_no_directory_is_shared

FLOPPY: Final = "floppy.img"
CDROM: Final = "cdrom.iso"
FLOPPY_SIZE: Final = 1474560
"""Octets of a 3.5 inch disk of 1.44 MB: QEMU tells the drive's kind by the image's size."""
_FLOPPY_DEVICE: Final = "fda"
_CDROM_DEVICES: Final = ("hdb", "hdc", "hda", "hdd")
"""Where a CD-ROM drive may be, best first: boards with IDE have no more than these. The seed's is hdd, CernVM's hdc."""


@attrs.frozen(kw_only=True)
class Carried:
    """What was made of a machine's media."""

    disks: tuple[Disk, ...] = ()
    shared: str = ""
    """The directory that it shares with the host; empty for none."""


def carry(request: CreateRequest, directory: Path, others: Collection[Disk]) -> Carried:
    """Write the images, 0600, into ``directory``, beside which the machine has these other disks.

    Raises `PluginError` where this host has no virtiofsd, `MachineTypeError` for an image that does not fit.
    """
    context, disks = request.context, []
    if context.shared is not None and (why := why_no_directory_is_shared()):
        raise PluginError(f"machine {request.machine.id} cannot have its shared directory: {why}")
    try:
        if context.floppy:
            disks.append(_floppy(context.floppy, directory / FLOPPY))
        if context.cdrom:
            device = _free_device(request, others)
            write_private(directory / CDROM, context.cdrom)
            disks.append(Disk(source=str(directory / CDROM), device=device, cdrom=True, read_only=True))
    except OSError as error:
        raise PluginError(f"{directory}: {error.strerror}: a floppy or CD-ROM image cannot be written") from error
    shared = "" if context.shared is None else str(request.directory / SHARED)
    return Carried(disks=tuple(disks), shared=shared)


def _floppy(image: bytes, path: Path) -> Disk:
    if len(image) > FLOPPY_SIZE:
        raise MachineTypeError(f"its floppy has {len(image)} octets, and a drive takes {FLOPPY_SIZE}: make it smaller")
    write_private(path, image.ljust(FLOPPY_SIZE, b"\0"))
    return Disk(source=str(path), device=_FLOPPY_DEVICE, floppy=True)


def _free_device(request: CreateRequest, others: Collection[Disk]) -> str:
    chipset = machine_options(request.machinetype).chipset
    taken = {target_of(disk.device, chipset) for disk in others}
    for device in _CDROM_DEVICES:
        if target_of(device, chipset) not in taken:
            return device
    raise MachineTypeError(
        f"its CD-ROM can be none of {', '.join(_CDROM_DEVICES)}, which its disks are: name its disks vda, vdb and so on"
    )
