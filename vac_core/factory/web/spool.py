"""One upload on its way to a machine's joboutputs: first beside it, then whole and safe in its place."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from vac_core.context.outputs import JOBOUTPUTS, Limits, usage_problem, with_file
from vac_core.factory.outputs import room, usage
from vac_core.guest_files import directory_fd

UPLOADS: Final = "uploads"
"""Directory of a machine that holds what is still arriving."""


class Spool:
    """A file that is being uploaded. Its methods block on the disk and raise `OSError`; `discard` always ends it."""

    def __init__(self, machine_directory: Path) -> None:
        uploads = machine_directory / UPLOADS
        uploads.mkdir(mode=0o700, exist_ok=True)
        self._joboutputs = machine_directory / JOBOUTPUTS
        descriptor, path = tempfile.mkstemp(dir=uploads)
        self._file = os.fdopen(descriptor, "wb")
        self._path = Path(path)

    def write(self, octets: bytes) -> None:
        """Add to the file."""
        self._file.write(octets)

    def keep(self, name: str, limits: Limits) -> str | None:
        """Put the file into joboutputs under its name, for good; or say which limit forbids it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        size = room(os.fstat(self._file.fileno()))
        with directory_fd(self._joboutputs) as joboutputs:
            after = with_file(usage(joboutputs, limits), size, _room_of(name, joboutputs))
            problem = usage_problem(after, limits)
            if problem is None:
                os.replace(self._path, name, dst_dir_fd=joboutputs)
                os.fsync(joboutputs)
        return problem

    def discard(self) -> None:
        """Let go of the file, and delete it if it has not found its place."""
        with suppress(OSError):  # a full disk has been told of when the file was to be kept
            self._file.close()
        self._path.unlink(missing_ok=True)


def clear_uploads(machine_directory: Path) -> None:
    """Delete what uploads have left that never ended, because the daemon died."""
    shutil.rmtree(machine_directory / UPLOADS, ignore_errors=True)


def _room_of(name: str, joboutputs: int) -> int | None:
    try:
        return room(os.stat(name, dir_fd=joboutputs, follow_symlinks=False))
    except FileNotFoundError:
        return None
