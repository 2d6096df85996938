"""What is kept of a machine on disk: made before anything of the machine, removed after all of it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

import attrs

from vac_libvirt.ends import End
from vac_libvirt.options import DeviceGroup, device_groups

_MADE: Final = "made"
_END: Final = "end"
_STARTED: Final = "started"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@attrs.frozen(kw_only=True)
class Made:
    """What a machine was made of, as far as its clearing needs it."""

    name: str
    disk_directory: str
    """Its own directory for files that QEMU reads."""
    lent: tuple[DeviceGroup, ...] = ()
    """The host's devices that it has."""


@attrs.frozen
class Record:
    """One machine's directory in the hypervisor's own state."""

    directory: Path

    @property
    def machine_id(self) -> str:
        """Whose it is; the UUID of its domain too."""
        return self.directory.name

    def begin(self) -> None:
        """Make it; raises FileExistsError where the machine is there."""
        self.directory.mkdir(mode=0o700)

    def write(self, made: Made) -> None:
        """Note what is about to be made."""
        lent = " ".join(str(group) for group in made.lent)
        self._put(_MADE, {"name": made.name, "disk_directory": made.disk_directory, "lent": lent})

    def made(self) -> Made | None:
        """What was noted; None where its creation did not come so far."""
        try:
            found = self._get(_MADE)
            return Made(
                name=str(found["name"]),
                disk_directory=str(found["disk_directory"]),
                lent=device_groups(str(found["lent"])),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def note_started(self) -> None:
        """Note that its domain was started; raises FileNotFoundError where the record was removed meanwhile."""
        (self.directory / _STARTED).touch()

    @property
    def started(self) -> bool:
        """Whether its creation was finished."""
        return (self.directory / _STARTED).exists()

    def note_end(self, end: End) -> None:
        """Note how its domain ended; raises FileNotFoundError where the record was removed meanwhile."""
        self._put(_END, attrs.asdict(end))

    def end(self) -> End | None:
        """How its domain ended; None where nobody saw it."""
        try:
            return End(**self._get(_END))
        except (OSError, ValueError, TypeError):
            return None

    def remove(self) -> None:
        """Take it away, at one stroke: an end that is noted at the same time brings nothing of it back."""
        gone = self.directory.with_name(f"{self.machine_id}.gone")
        shutil.rmtree(gone, ignore_errors=True)
        try:
            self.directory.rename(gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)

    def _put(self, name: str, value: dict[str, Any]) -> None:
        new = self.directory / f"{name}.new"
        new.write_text(json.dumps(value), "utf-8")
        new.replace(self.directory / name)

    def _get(self, name: str) -> dict[str, Any]:
        found = json.loads((self.directory / name).read_text("utf-8"))
        if not isinstance(found, dict):
            raise TypeError(f"{self.directory / name} holds no record")
        return found


@attrs.frozen
class Records:
    """All records of a factory."""

    directory: Path

    def of(self, machine_id: str) -> Record | None:
        """A machine's record, which need not exist yet; None for an id that is no UUID, which no domain can have."""
        return Record(self.directory / machine_id) if _ID.fullmatch(machine_id) else None

    def tidy(self) -> None:
        """Remove what a removal that was cut off has left."""
        for left in self.directory.glob("*.gone"):
            shutil.rmtree(left, ignore_errors=True)

    def all(self) -> list[Record]:
        """Those that exist."""
        return [Record(found) for found in self.directory.iterdir() if _ID.fullmatch(found.name)]
