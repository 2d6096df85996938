"""What is kept of a machine on disk: written before the engine knows of it, removed after the engine has forgotten."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import attrs

from vac_docker.values import names

_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_SUFFIX: Final = ".json"


@attrs.frozen(kw_only=True)
class Record:
    """One machine."""

    machine_id: str
    name: str
    """Its container's name."""
    processors: int
    cpu_quota: bool = True
    """Whether it is held to its processors, and not only weighed by them."""
    gpus: tuple[str, ...] = attrs.field(default=(), converter=names)
    """What it has to itself of the host's GPUs."""
    cvmfs: tuple[str, ...] = attrs.field(default=(), converter=names)
    volumes: tuple[str, ...] = attrs.field(default=(), converter=names)
    image_id: str = ""


class Records:
    """All machines' records, each a file of a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def fits(self, machine_id: str) -> bool:
        """Whether a machine can have such an id."""
        return _ID.fullmatch(machine_id) is not None

    def create(self, record: Record) -> None:
        """Note a machine that is about to be made; raises `FileExistsError` where it has a record already."""
        path = self._path(record.machine_id)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(attrs.asdict(record)), "utf-8")
        try:
            path.hardlink_to(new)  # whole or not at all, and never in place of another
        finally:
            new.unlink()

    def get(self, machine_id: str) -> Record | None:
        """A machine's record; None where there is none that can be read."""
        if not self.fits(machine_id):
            return None
        try:
            return Record(**json.loads(self._path(machine_id).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def all(self) -> list[Record]:
        """Every machine's."""
        names = (path.name.removesuffix(_SUFFIX) for path in self.directory.glob(f"*{_SUFFIX}"))
        return [record for name in names if (record := self.get(name)) is not None]

    def remove(self, machine_id: str) -> None:
        """Forget a machine; one that has no record is no error."""
        if self.fits(machine_id):
            self._path(machine_id).unlink(missing_ok=True)

    def _path(self, machine_id: str) -> Path:
        return self.directory / f"{machine_id}{_SUFFIX}"
