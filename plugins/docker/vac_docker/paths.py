"""Where a machine finds what it is given: Vac 3's bind points, and which other paths a container may have bound."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Final

from vac_core.interfaces import Urls

USER_DATA: Final = "/user_data"
MACHINEFEATURES: Final = "/etc/machinefeatures"
JOBFEATURES: Final = "/etc/jobfeatures"
JOBOUTPUTS: Final = "/var/spool/joboutputs"
CVMFS: Final = "/cvmfs"

OWN: Final = "docker"
"""What is made in a machine's directory, and removed with the machine."""

URLS: Final = Urls(machinefeatures=MACHINEFEATURES, jobfeatures=JOBFEATURES, joboutputs=JOBOUTPUTS)

_TAKEN: Final = (USER_DATA, MACHINEFEATURES, JOBFEATURES, JOBOUTPUTS, CVMFS)
_SYSTEM: Final = ("/proc", "/sys", "/dev")


def path_problem(path: str, others: Iterable[str] = ()) -> str | None:
    """Say why nothing can be bound at a path inside a container; None if it can. ``others`` are bound already."""
    if not path.startswith("/") or "\0" in path or posixpath.normpath(path) != path or path.startswith("//"):
        return f"{path!r} is no plain absolute path: write one such as /scratch"
    if path == "/":
        return "'/' is the whole container: name a directory of it"
    for other in (*_TAKEN, *_SYSTEM, *others):
        if _within(path, other) or _within(other, path):
            return f"{path!r} is in the way of {other}: name another directory"
    return None


def _within(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/")
