"""Directories through which QEMU's user may go, and see no names; whatever the factory's umask is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MODE: Final = 0o711


def make_passable(directory: Path) -> None:
    """Make a directory that is not there yet, and what is missing above it. What is there is left as it is.

    Raises OSError, FileExistsError among them where the directory is there.
    """
    for above in reversed(directory.parents):
        if not above.exists():
            _make(above, exist_ok=True)  # another thread may make it at this moment
    _make(directory, exist_ok=False)


def _make(directory: Path, *, exist_ok: bool) -> None:
    directory.mkdir(mode=_MODE, exist_ok=exist_ok)
    directory.chmod(_MODE)
