"""Reading what a machine left in its joboutputs. A guest made all of it: links, pipes and endless trees may await."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from vac_core.config.schema import Settings
from vac_core.context.outputs import FRACTION_DONE, SHUTDOWN_MESSAGE, Limits, Usage, usage_problem
from vac_core.guest_files import directory_fd, open_plain, read_start
from vac_core.model import SHUTDOWN_MESSAGE_MAX

DEEPEST: Final = 32
"""Directories within directories that are followed when outputs are counted."""

_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK: Final = 512
_PROGRESS_MAX: Final = 4096


def read_shutdown_message(joboutputs: Path) -> bytes | None:
    """The start of a machine's shutdown message, at most 512 octets; None if it left none that can be read."""
    return read_start(joboutputs, SHUTDOWN_MESSAGE, SHUTDOWN_MESSAGE_MAX)


def leave_shutdown_message(joboutputs: Path, message: str) -> None:
    """Write the factory's word on the end of a machine that left none of its own.

    What the machine left there, whatever it is, stays. Where nothing can be written the journal has the word alone.
    """
    octets = message.encode()[:SHUTDOWN_MESSAGE_MAX]
    with (
        suppress(OSError),
        directory_fd(joboutputs) as directory,
        os.fdopen(os.open(SHUTDOWN_MESSAGE, _NEW_FILE, 0o644, dir_fd=directory), "wb") as file,
    ):
        file.write(octets)


def read_progress(joboutputs: Path) -> float | None:
    """How far a machine says it is: the last line of its ``fraction_done``, from 0 to 1; None for anything else.

    The file is that of BOINC's wrappers, to which lines may be added.
    """
    file = open_plain(joboutputs, FRACTION_DONE)
    if file is None:
        return None
    with file, suppress(OSError, ValueError):
        file.seek(max(0, os.fstat(file.fileno()).st_size - _PROGRESS_MAX))
        said = float((file.read(_PROGRESS_MAX).split() or [b""])[-1])
        return said if 0 <= said <= 1 else None
    return None


def output_names(joboutputs: Path, most: int) -> tuple[str, ...]:
    """Names of what is there, sorted; no more than ``most``."""
    names: list[str] = []
    with suppress(OSError), directory_fd(joboutputs) as directory, os.scandir(directory) as entries:
        for entry in entries:
            if len(names) == most:
                break
            names.append(entry.name)
    return tuple(sorted(names))


def outputs_problem(joboutputs: Path, settings: Settings) -> str | None:
    """Say which limit the files in a directory that a machine writes pass, such as its outputs; None if none is."""
    limits, where = Limits.of(settings), joboutputs.name
    try:
        with directory_fd(joboutputs) as directory:
            return usage_problem(usage(directory, limits), limits, where)
    except RecursionError:
        return f"{where} holds directories more than {DEEPEST} deep: leave files in {where} itself"
    except OSError as error:
        return f"{where} cannot be read: {error.strerror}"


def room(about: os.stat_result) -> int:
    """What a file counts for: its length or the blocks it takes, whichever is more octets."""
    return max(about.st_size, about.st_blocks * _BLOCK)


def usage(directory: int, limits: Limits, *, depth: int = 0) -> Usage:
    """What is below a directory, given by its descriptor; counting stops where a limit is passed.

    Directories and links count as files. Raises `RecursionError` for directories that are nested too deep.
    """
    if depth > DEEPEST:
        raise RecursionError
    files = octets = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if usage_problem(Usage(files=files, octets=octets), limits):
                break
            try:
                about = entry.stat(follow_symlinks=False)
                below = _usage_below(directory, entry.name, limits, depth) if stat.S_ISDIR(about.st_mode) else Usage()
            except (FileNotFoundError, NotADirectoryError):
                continue  # the machine took it away, or put something else there, while we looked
            files += 1 + below.files
            octets += room(about) + below.octets
    return Usage(files=files, octets=octets)


def _usage_below(directory: int, name: str, limits: Limits, depth: int) -> Usage:
    with directory_fd(name, within=directory) as below:
        return usage(below, limits, depth=depth + 1)
