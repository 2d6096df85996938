"""Machine/Job Features as files in a machine's directory, one for each key (HSF-TN-2016-02)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vac_core.atomic import write_atomically, write_new
from vac_core.context.features import JOB_SHUTDOWNTIME, KEY, MACHINE_SHUTDOWNTIME
from vac_core.interfaces import Features

MACHINEFEATURES: Final = "machinefeatures"
JOBFEATURES: Final = "jobfeatures"

_READABLE: Final = 0o644
_OPEN: Final = 0o755


def write_features(directory: Path, features: Features) -> None:
    """Write ``machinefeatures/`` and ``jobfeatures/`` below a machine's directory, for any user to read.

    Each file is replaced whole; keys that are no longer given are taken away. Raises `ValueError` for a key that
    cannot be the name of a file, `OSError` where the disk refuses.
    """
    _write_keys(directory / MACHINEFEATURES, features.machinefeatures)
    _write_keys(directory / JOBFEATURES, features.jobfeatures)


def update_shutdowntime(directory: Path, when: float) -> None:
    """Announce another shutdown time (Unix seconds) to a running machine; one that has no features is left alone."""
    for kind, key in ((MACHINEFEATURES, MACHINE_SHUTDOWNTIME), (JOBFEATURES, JOB_SHUTDOWNTIME)):
        if (directory / kind).is_dir():
            write_atomically(directory / kind / key, str(int(when)).encode("ascii"), mode=_READABLE)


def _write_keys(directory: Path, keys: Mapping[str, str]) -> None:
    wrong = [key for key in keys if not KEY.fullmatch(key)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} cannot be a key of {directory.name}: use letters, digits and underscores")
    # Nobody reads a directory that is only being made: its files need not be replaced whole.
    write = write_atomically if directory.is_dir() else write_new
    directory.mkdir(exist_ok=True)
    directory.chmod(_OPEN)
    for stale in {path.name for path in directory.iterdir()} - keys.keys():
        (directory / stale).unlink()
    for key, value in keys.items():
        write(directory / key, value.encode(), mode=_READABLE)
