"""The directory that a machine and its factory both write, as it is when the machine begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vac_core.atomic import write_new
from vac_core.interfaces import PluginError
from vac_core.powers import SHARED

_READABLE = 0o644
"""For the guest's users: on the host nobody but the factory's user reaches the machine's directory."""


def write_shared(directory: Path, files: Mapping[str, bytes]) -> None:
    """Make ``shared`` in a machine's own directory, with these files; raises `PluginError` for a name that is none."""
    shared = directory / SHARED
    shared.mkdir()
    for name, content in files.items():
        if name in {"", ".", ".."} or "/" in name or "\0" in name:
            raise PluginError(f"{name!r} is no name of a file in the shared directory: the contextualiser is at fault")
        write_new(shared / name, content, mode=_READABLE)
