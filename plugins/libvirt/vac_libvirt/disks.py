"""A machine's disks: made for it, counted before it is promised, and gone after it.

- The root disk is a copy-on-write qcow2 overlay on its image; CernVM's image is a CD-ROM that machines share.
- Its scratch disk (CernVM: its root disk) is an LVM volume where the site has the ``volume_group``, else a sparse file.
- Extra disks are sparse files.
- Kernel and initrd are copied, since libvirt makes QEMU's user their owner.

Usage, as `vac_libvirt.assembly` has it::

    cache = ImageCache.of(home, changed=news)
    disks = LocalDisks(
        cache, connection, options.machines_directory, home.settings, signatures=Signatures(changed=news)
    )
    storage = disks.make(request, directory)        # storage.disks, .kernel, .initrd, .details
    disks.clear(machine_id, directory)              # and whatever is in directory is the caller's to remove
    disks.close()

`vac_libvirt.parts.Disk` says of each disk which image it stands on (``backing``) and whether others use the same file
(``shared``): neither may be given to QEMU's user.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from vac_core.config.schema import MachineType, Settings
from vac_core.images import ImageCache
from vac_core.interfaces import CreateRequest, PluginError
from vac_core.powers import Resources
from vac_libvirt.cernvm_signatures import Signatures
from vac_libvirt.connection import Connection
from vac_libvirt.disks_files import make_sparse
from vac_libvirt.disks_images import Found, Images, copy
from vac_libvirt.disks_overlay import forget_pool, make_overlay
from vac_libvirt.disks_space import demands, disk_space
from vac_libvirt.disks_volumes import Volumes
from vac_libvirt.disks_wanted import Empty, empty_disks, is_cernvm
from vac_libvirt.parts import Disk, Storage

_CDROM: Final = "hdc"
_QCOW2: Final = "qcow2"

_LOOK_SECONDS: Final = 60.0
"""How long it is believed that there is a volume group, or none, where machines are only counted."""


@lru_cache(maxsize=2)
def has_volumes(volumes: Volumes, _age: int) -> tuple[bool, str]:
    """Whether there is such a volume group, and what is wrong with LVM; asked seldom, as its commands take long."""
    try:
        return volumes.exists(), ""
    except PluginError as error:
        return False, str(error)


class LocalDisks:
    """Makes disks on this host."""

    def __init__(
        self,
        cache: ImageCache,
        connection: Connection,
        directory: Path,
        settings: Callable[[], Settings],
        volumes: Callable[[str], Volumes] = Volumes,
        signatures: Signatures | None = None,
    ) -> None:
        self._images = Images(cache, signatures or Signatures())
        self._cache = cache
        self._connection = connection
        self._directory = directory
        self._settings = settings
        self._volumes = volumes

    def make(self, request: CreateRequest, directory: Path) -> Storage:
        """Make a machine's disks in its own directory; raises `PluginError`."""
        found = self._images.take(request.machinetype, request.machine.id)
        disks = list(self._root(request, found, directory))
        disks += [self._empty(one, request, directory) for one in empty_disks(request.machinetype, request.settings)]
        kernel, initrd = (
            str(copy(found[name], directory / name)) if name in found else "" for name in ("kernel", "initrd")
        )
        sha256 = {f"{name}_sha256": one.sha256 for name, one in found.items() if one.sha256}
        return Storage(disks=tuple(disks), kernel=kernel, initrd=initrd, details=sha256)

    def _root(self, request: CreateRequest, found: Mapping[str, Found], directory: Path) -> Sequence[Disk]:
        if (image := found.get("root_image")) is None:
            return ()
        machinetype = request.machinetype
        base = self._images.base(image, machinetype, directory)
        if is_cernvm(machinetype):
            return [Disk(source=str(base.path), device=_CDROM, cdrom=True, read_only=True, shared=True, boot_order=1)]
        path = directory / f"{machinetype.root_device}.{_QCOW2}"
        with self._connection.use(f"machine {request.machine.id}: its root disk cannot be made") as libvirtd:
            make_overlay(libvirtd, path, base, request.machine.id)
        return [
            Disk(
                source=str(path),
                device=machinetype.root_device,
                format=_QCOW2,
                backing=str(base.path),
                backing_format=base.format,
                boot_order=None if "kernel" in found else 1,
            )
        ]

    def _empty(self, wanted: Empty, request: CreateRequest, directory: Path) -> Disk:
        machine, settings = request.machine, request.settings
        volumes = self._volumes(settings.volume_group)
        if wanted.volume and volumes.exists():
            of_processors = settings.total_processors or os.cpu_count() or 1
            device = volumes.make(machine.id, machine.name, machine.processors, of_processors)
            return Disk(source=device, device=wanted.device, block=True)
        path = directory / f"{wanted.device}.raw"
        make_sparse(path, wanted.size(machine.processors))
        return Disk(source=str(path), device=wanted.device)

    def clear(self, machine_id: str, directory: Path) -> None:
        """Take away what a machine had outside ``directory``, and let go of its images; again is no error."""
        del directory
        with self._connection.use(f"machine {machine_id}: its disks cannot be cleared away") as libvirtd:
            forget_pool(libvirtd, machine_id)
        self._volumes(self._settings().volume_group).remove(machine_id)
        self._cache.release(machine_id)

    def resources(self, machinetypes: Sequence[MachineType], settings: Settings) -> Resources:
        """Disk space that there is and that is needed, and images that are not here yet or cannot be used."""
        looks = {one.name: self._images.look(one, self._directory) for one in machinetypes}
        volumes, broken = has_volumes(self._volumes(settings.volume_group), round(time.monotonic() / _LOOK_SECONDS))
        name, capacity = disk_space(self._directory, settings)
        return Resources(
            capacity={name: capacity},
            demands={
                one.name: {name: demands(one, settings, looks[one.name].root_size, volumes=volumes)}
                for one in machinetypes
            },
            refusals={one: why for one, look in looks.items() if (why := look.trouble or broken)},
        )

    def upkeep(self) -> None:
        """Take away images that are too old or too many."""
        self._cache.prune()

    def close(self) -> None:
        """Break off what is being fetched; it goes on from there another time."""
        self._cache.close()
