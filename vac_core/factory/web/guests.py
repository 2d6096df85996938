"""Whom the HTTP service serves: a machine, where its files are, and its metadata as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import attrs

from vac_core.atomic import write_atomically
from vac_core.context.listings import segments

METADATA: Final = "metadata"
"""Directory of a machine that holds its metadata tree; it may hold secrets."""

_PRIVATE_DIRECTORY: Final = 0o700
_PRIVATE_FILE: Final = 0o600


@attrs.frozen(kw_only=True)
class Guest:
    """A machine as the HTTP service knows it."""

    machine_id: str
    directory: Path
    """The machine's own directory, with machinefeatures/, jobfeatures/, joboutputs/ and metadata/."""
    http_base: str = ""
    """What its URLs start with, with no slash at the end; empty where its address alone tells who it is."""


class Guests(Protocol):
    """Who is there. Both are asked for each request, on the event loop: they must be quick."""

    def by_address(self, address: str) -> Guest | None:
        """The machine that has an IP address, in its shortest spelling, all to itself."""

    def by_token(self, token: str) -> Guest | None:
        """The machine whose URLs hold a token; the token comes from a stranger."""


def write_tree(directory: Path, tree: Mapping[str, bytes]) -> None:
    """Write a metadata tree as files that only the daemon's user can read, so that it survives a restart.

    Raises `ValueError` for a path that would leave the directory, `OSError` where the disk refuses.
    """
    for path, body in tree.items():
        parts = segments(path)
        if not parts:
            raise ValueError(f"{path!r} cannot be a path of the metadata: it must stay below its directory")
        place = directory
        place.mkdir(mode=_PRIVATE_DIRECTORY, exist_ok=True)
        for part in parts[:-1]:
            place /= part
            place.mkdir(mode=_PRIVATE_DIRECTORY, exist_ok=True)
        write_atomically(place / parts[-1], body, mode=_PRIVATE_FILE)
