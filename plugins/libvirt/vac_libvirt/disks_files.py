"""Disks that are plain files, and the space that they take."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from vac_core.interfaces import PluginError

_BLOCK: Final = 512
_SEARCH_BY_OTHERS: Final = 0o001


def make_sparse(path: Path, size: int) -> None:
    """Make an empty raw disk, 0600, that takes space only as it is written; libvirt gives it to QEMU's user."""
    with path.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        try:
            file.truncate(size)
        except OSError as error:
            raise PluginError(
                f"a disk of {size} bytes cannot be made in {path.parent}: {error.strerror}: "
                "give its machinetype a smaller disk_gb_per_processor, or disk_directory another file system"
            ) from None


def room(directory: Path, keep_free: int) -> int:
    """Octets that machines' disks may take in all: what they take now, and what is free beyond what must be kept so."""
    return max(0, shutil.disk_usage(nearest(directory)).free - keep_free) + taken(directory)


def taken(directory: Path) -> int:
    """Octets that the files of machines take on disk, each in a directory of its own below this one."""
    found = 0
    for path in directory.glob("*/*"):
        try:
            found += path.lstat().st_blocks * _BLOCK
        except FileNotFoundError:
            continue
    return found


def nearest(path: Path) -> Path:
    """The nearest directory that exists on the way to a path."""
    return next((one for one in (path, *path.parents) if one.is_dir()), Path("/"))


def blocked_at(path: Path) -> Path | None:
    """The first directory on the way to a file that other users cannot search; None where all can."""
    way = reversed(path.absolute().parents)
    return next((one for one in way if not one.stat().st_mode & _SEARCH_BY_OTHERS), None)
