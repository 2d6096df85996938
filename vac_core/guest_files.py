"""Reading what a guest wrote into a directory that it shares with its host: links, pipes and sockets may await there.

Nothing here follows a link, waits, or reads more than it is told to; what is no plain file counts as not there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def directory_fd(path: str | Path, *, within: int | None = None) -> Iterator[int]:
    """A descriptor of a directory that is no symbolic link; raises `OSError`."""
    descriptor = os.open(path, _DIRECTORY, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_plain(directory: Path, name: str) -> BinaryIO | None:
    """Open a file to read, if it is a plain one that has no other name."""
    with suppress(OSError), directory_fd(directory) as parent:
        file = os.fdopen(os.open(name, _FILE, dir_fd=parent), "rb")
        about = os.fstat(file.fileno())
        if stat.S_ISREG(about.st_mode) and about.st_nlink == 1:
            return file
        file.close()
    return None


def read_start(directory: Path, name: str, most: int) -> bytes | None:
    """The first ``most`` octets of a file; None where there is no such file."""
    file = open_plain(directory, name)
    if file is None:
        return None
    with file, suppress(OSError):
        return file.read(most)
    return None


def changed_at(directory: Path, name: str) -> float | None:
    """When a file last changed (Unix seconds); None where there is no such file."""
    with suppress(OSError), directory_fd(directory) as parent:
        about = os.stat(name, dir_fd=parent, follow_symlinks=False)
        return about.st_mtime if stat.S_ISREG(about.st_mode) else None
    return None
