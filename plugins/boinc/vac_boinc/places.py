"""The sorts of machines that the programs of this plugin run in, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from vac_boinc.inside_program import PLACE_DIR, cloud_config, script
from vac_core.interfaces import ContextFile

SETTINGS: Final = "settings.json"


@attrs.frozen(kw_only=True)
class Place:
    """A sort of machine."""

    boots: bool = False
    has_files: bool = True
    """Whether its files are not the factory's own."""
    work_parents: tuple[str, ...] = ("/scratch", "/var/lib", "/var/tmp", "/tmp")  # noqa: S108 - a new directory there

    def user_data(self, files: Mapping[str, bytes]) -> bytes:
        """The program that finds these files, as the user data of such a machine."""
        if self.boots:
            return cloud_config(files)
        return script(files, PLACE_DIR if self.has_files else "")

    def files(self, files: Mapping[str, bytes]) -> tuple[ContextFile, ...]:
        """Those of a container, which only its own user can read; elsewhere the user data brings them."""
        if self.boots or not self.has_files:
            return ()
        return tuple(ContextFile(path=f"{PLACE_DIR}/{name}", content=one, mode=0o600) for name, one in files.items())


_PROCESS: Final = Place(has_files=False, work_parents=(".",))
_CONTAINER: Final = Place()
_PLACES: Final = {
    "apptainer": _CONTAINER,
    "docker": _CONTAINER,
    "process": _PROCESS,
    "singularity": _CONTAINER,
}


def place_of(machine_model: str) -> Place:
    """The sort of a machine model; those that are not known boot."""
    return _PLACES.get(machine_model, Place(boots=True))
