"""Handing a virtual machine its context: a seed image on a small disk, or strings that make it ask the HTTP service."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from vac_core.config.schema import MachineType
from vac_core.context.delivery import DELIVERIES
from vac_core.context.seed import SeedError, seed_image
from vac_core.interfaces import CreateRequest, MachineTypeError, PluginError
from vac_libvirt.options import context_of
from vac_libvirt.parts import Delivered, Disk, Smbios

SEED: Final = "seed.iso"
_VIRTIO: Final = "vdz"
"""Kernels made for clouds know no other disks than virtio's; data sources go by the label, whatever the device."""

_OLDER: Final = "hdd"
"""For guests that have no virtio. It is the last of the four that older boards have; CernVM's boot image is hdc."""

_MODE: Final = 0o600
_RANDOM_OCTETS: Final = 512


class ContextDelivery:
    """Delivers as each machinetype's option ``context`` says; ``serves()``: can guests reach the HTTP service?"""

    def __init__(self, serves: Callable[[], bool]) -> None:
        self._serves = serves

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """Whether machines of the type could find their context on the site's network."""
        name = context_of(machinetype)
        if not DELIVERIES[name].over_http or self._serves():
            return ()
        problem = f"context = {name} needs Vac's own network, where the service is, and [plugin libvirt] names "
        return [problem + "the site's: set context to nocloud or configdrive, or remove network and bridge there"]

    def deliver(self, request: CreateRequest, directory: Path) -> Delivered:
        """Write the seed image, or give the strings. Raises `MachineTypeError`, `PluginError`."""
        delivery = DELIVERIES[context_of(request.machinetype)]
        smbios = Smbios(system=delivery.smbios_of(request.machine.id))
        try:
            image = seed_image(request.context, delivery, random_seed=os.urandom(_RANDOM_OCTETS))
        except SeedError as error:
            raise MachineTypeError(str(error)) from error
        if not image:
            return Delivered(smbios=smbios)
        path = directory / SEED
        try:
            write_private(path, image)
        except OSError as error:
            raise PluginError(f"{path}: {error.strerror}: the seed image cannot be written") from error
        return Delivered(disks=(_disk(path, request.machinetype.root_device),), smbios=smbios)


def _disk(path: Path, root_device: str) -> Disk:
    if root_device.startswith("vd"):
        return Disk(source=str(path), device=_VIRTIO, read_only=True)
    return Disk(source=str(path), device=_OLDER, cdrom=True, read_only=True)


def write_private(path: Path, body: bytes) -> None:
    """Write a file that nobody but its owner reads, whatever the umask; libvirt gives it to QEMU's user."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, _MODE)
        file.write(body)
