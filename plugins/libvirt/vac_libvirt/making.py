"""From a request and what its parts have made: the virtual machine as a value. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

from vac_core.interfaces import CreateRequest
from vac_libvirt.guest import Boot, Guest
from vac_libvirt.mark import Mark
from vac_libvirt.media import Carried
from vac_libvirt.options import DeviceGroup, machine_options
from vac_libvirt.parts import Delivered, Interface, Storage

CONSOLE_LOG: Final = "console.log"
NVRAM: Final = "nvram.fd"

_CPU_MODES: Final = {"kvm": "host-passthrough", "qemu": "maximum"}


@attrs.frozen(kw_only=True)
class Pieces:
    """What was made for a machine, or lent to it."""

    directory: Path
    """Its own for files that QEMU reads."""
    lent: tuple[DeviceGroup, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    storage: Storage
    delivered: Delivered
    carried: Carried = attrs.field(factory=Carried)
    cpu_shares: int | None = None


def guest_of(request: CreateRequest, mark: Mark, domain_type: str, pieces: Pieces) -> Guest:
    """The virtual machine."""
    machine, options = request.machine, machine_options(request.machinetype)
    cpu_mode = _CPU_MODES.get(domain_type, "") if options.cpu_mode == "auto" else options.cpu_mode
    words = (options.cmdline, pieces.delivered.cmdline)
    cmdline = " ".join(word for word in words if word)
    return Guest(
        machine_id=machine.id,
        name=machine.name,
        mark=mark,
        domain_type=domain_type,
        memory_bytes=machine.memory_bytes,
        processors=machine.processors,
        cpu_shares=pieces.cpu_shares,
        cpu_mode=cpu_mode,
        chipset=options.chipset,
        nvram=str(pieces.directory / NVRAM) if options.firmware == "uefi" else "",
        boot=Boot(kernel=pieces.storage.kernel, initrd=pieces.storage.initrd, cmdline=cmdline)
        if pieces.storage.kernel
        else None,
        disks=(*pieces.storage.disks, *pieces.delivered.disks, *pieces.carried.disks),
        interfaces=pieces.interfaces,
        smbios=pieces.delivered.smbios,
        hostdevs=tuple(device for group in pieces.lent for device in group.devices),
        hugepages=options.hugepages,
        vnc=options.vnc,
        shared=pieces.carried.shared,
        console_log=str(request.directory / CONSOLE_LOG),
    )
