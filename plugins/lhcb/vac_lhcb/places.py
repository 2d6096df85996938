"""The sorts of machines that a pilot runs in, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Place:
    """A sort of machine."""

    scheme: str
    """Begins the name by which DIRAC knows its pilots."""
    has_files: bool = True
    """Whether its files are not the factory's own."""
    boots: bool = False
    """Whether it is a machine that boots, with users and a power switch."""
    work_parents: tuple[str, ...] = ("/scratch", "/var/tmp", "/tmp")  # noqa: S108 - it makes a directory of its own there


VIRTUAL: Final = Place(scheme="vm", boots=True)
CONTAINER: Final = Place(scheme="dc")
SINGULARITY: Final = Place(scheme="sc")
PROCESS: Final = Place(scheme="vac", has_files=False, work_parents=(".",))

_PLACES: Final[Mapping[str, Place]] = {
    "apptainer": SINGULARITY,
    "docker": CONTAINER,
    "process": PROCESS,
    "singularity": SINGULARITY,
}


def place_of(machine_model: str) -> Place:
    """The sort of a machine model; those that are not known boot."""
    return _PLACES.get(machine_model, VIRTUAL)
