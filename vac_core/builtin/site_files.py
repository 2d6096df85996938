"""Files that a machinetype's options name: where they are, and reading them within bounds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vac_core.config.schema import MachineType


class SiteFileError(Exception):
    """A file cannot be used; the message names it and says why, and the mend."""


def site_path(machinetype: MachineType, named: str) -> Path:
    """Where a file is that an option names: as it stands if it starts with ``/``, else in the machinetype's files.

    Raises `SiteFileError` for a name that would climb out of there, or where the machinetype has no files.
    """
    path = Path(named)
    if path.is_absolute():
        return path
    if not machinetype.files_dir:
        raise SiteFileError(f"'{named}' is a relative name, but the machinetype has no files: write the whole path")
    if ".." in path.parts:
        raise SiteFileError(f"'{named}' may not hold '..': name a file of {machinetype.files_dir}")
    return Path(machinetype.files_dir) / path


def read_site_file(path: Path, most: int) -> bytes:
    """The content of a plain file of at most ``most`` octets; never waits. Raises `SiteFileError`."""
    with _opened(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise SiteFileError(f"{path} is larger than {most} octets: make it smaller, or raise fetch_max_mb")
    return content


def see_site_file(path: Path) -> None:
    """Make sure that a plain file is there that may be read. Raises `SiteFileError`."""
    with _opened(path):
        return


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SiteFileError(f"{path} is not a plain file: name one that is")
            yield file
    except OSError as error:
        raise SiteFileError(
            f"{path} cannot be read: {error.strerror}: put it there, or mend its permissions"
        ) from error
