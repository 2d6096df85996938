"""The images that a machine needs, put where QEMU can read them and nobody can change them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import attrs

from vac_core.config.problems import public_url
from vac_core.config.schema import MachineType
from vac_core.images import ImageCache, ImageError, Ready
from vac_core.interfaces import PluginError
from vac_libvirt.cernvm_signatures import Signatures
from vac_libvirt.disks_bases import Base, BaseError, inspect
from vac_libvirt.disks_files import blocked_at, nearest
from vac_libvirt.disks_wanted import Source, is_cernvm, path_of, sources


@attrs.frozen(kw_only=True)
class Found:
    """An image that is here."""

    path: Path
    cached: bool
    """Whether it is in the cache, and not a file of the site's own."""
    sha256: str = ""
    """Of one in the cache."""


@attrs.frozen(kw_only=True)
class Look:
    """How a machinetype's images stand."""

    trouble: str = ""
    """What is in the way of its machines; empty for nothing."""
    root_size: int = 0
    """Octets of the disk that each of its machines gets on its root image."""


class Images:
    """Finds images."""

    def __init__(self, cache: ImageCache, signatures: Signatures) -> None:
        self.cache = cache
        self._signatures = signatures

    def look(self, machinetype: MachineType, directory: Path) -> Look:
        """How a machinetype's images stand now; what is missing is fetched in the background.

        ``directory`` is where machines' directories are.
        """
        root_size = 0
        for one in sources(machinetype):
            try:
                path = self._path(one, machinetype)
                if one.option == "root_image":
                    if one.url:
                        _check_reach(path, directory)
                    root_size = self._root_size(path, machinetype)
                    if machinetype.image_signing_dn and (
                        why := self._signatures.look(path, machinetype.image_signing_dn)
                    ):
                        return Look(trouble=why)
            except ImageError as error:
                return Look(trouble=str(error))
            except (ValueError, BaseError) as error:
                return Look(trouble=f"{one.option} = {public_url(one.name)}: {error}")
        return Look(root_size=root_size)

    def _path(self, source: Source, machinetype: MachineType) -> Path:
        if not source.url:
            return path_of(source, machinetype)
        state = self.cache.state(source.url, source.sha256)
        if not isinstance(state, Ready):
            raise ImageError(state.reason)
        return state.image.path

    def _root_size(self, path: Path, machinetype: MachineType) -> int:
        base = inspect(path)
        check_kind(base, machinetype)
        return 0 if is_cernvm(machinetype) else base.size

    def take(self, machinetype: MachineType, machine_id: str) -> Mapping[str, Found]:
        """All its images by the options that name them, leased for the machine; raises `PluginError`."""
        return {one.option: self._take(one, machinetype, machine_id) for one in sources(machinetype)}

    def _take(self, source: Source, machinetype: MachineType, machine_id: str) -> Found:
        if source.url:
            image = self.cache.lease(source.url, machine_id, source.sha256)
            return Found(path=image.path, cached=True, sha256=image.sha256)
        try:
            return Found(path=path_of(source, machinetype), cached=False)
        except ValueError as error:
            raise PluginError(f"{source.option}: {error}: mend the name, or put the file there") from None

    def base(self, found: Found, machinetype: MachineType, directory: Path) -> Base:
        """The root image as a machine is to use it: looked at, its signature verified, and within QEMU's reach."""
        try:
            base = inspect(found.path)
            check_kind(base, machinetype)
        except BaseError as error:
            raise PluginError(f"root_image = {public_url(machinetype.root_image or '')}: {error}") from None
        if machinetype.image_signing_dn:
            self._signatures.verify(found.path, machinetype.image_signing_dn)
        return attrs.evolve(base, path=within_reach(found, directory))


def check_kind(base: Base, machinetype: MachineType) -> None:
    """Raises `BaseError` where a machine of that model cannot boot such an image."""
    if is_cernvm(machinetype) and not base.iso:
        raise BaseError(f"it is no CD-ROM image, which {machinetype.machine_model} boots: name CernVM's .iso file")


def within_reach(found: Found, directory: Path) -> Path:
    """A path by which QEMU's user can open a cached image: its own, or a second name in the machine's directory.

    A second name takes no space. Raises `PluginError` where neither can be.
    """
    if not found.cached or (wall := blocked_at(found.path)) is None:
        return found.path
    name = directory / f"image-{found.sha256[:16]}"
    try:
        os.link(found.path, name)
    except FileExistsError:
        return name
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK}:
            raise
        raise _out_of_reach(found.path, wall) from None
    return name


def _check_reach(path: Path, directory: Path) -> None:
    """Raises `ImageError` where an image can have no second name in machines' directories, and needs one."""
    wall = blocked_at(path)
    if wall is not None and nearest(directory).stat().st_dev != path.stat().st_dev:
        raise _out_of_reach(path, wall)


def _out_of_reach(path: Path, wall: Path) -> ImageError:
    return ImageError(
        f"QEMU's user cannot reach the image {path}, as others may not search {wall}, and disk_directory is on another "
        "file system: set image_directory in [settings] to a directory that others may search, such as "
        "/var/lib/libvirt/images/vac-images"
    )


def copy(found: Found, to: Path) -> Path:
    """A machine's own copy of a kernel or initrd: libvirt makes QEMU's user its owner."""
    with found.path.open("rb") as source, to.open("xb") as copied:
        os.fchmod(copied.fileno(), 0o600)
        shutil.copyfileobj(source, copied, 2**20)
    return to
