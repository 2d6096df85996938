"""What is kept of a machine on disk, for the factory that finds it after a restart."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterable
from pathlib import Path

import attrs

from vac_core.supervision.cgroup import Cgroup
from vac_core.supervision.table import Process, boot_id, environment, process

MARKER = "VAC_MACHINE_ID"
"""The variable that tells a machine's processes from all others."""

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_ENDING = re.compile(r"status (\d{1,3})\n(.*)\nend\n", re.DOTALL)
_ENDING_MAX = 4096
_TIME = re.compile(r"(\d+)m(\d+[.,]\d+)s")


def marker(machine_id: str) -> bytes:
    """What stands in the environment of a machine's processes."""
    return f"{MARKER}={machine_id}".encode()


def _tuple(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Supervised:
    """A machine's supervisor: named by pid, start time and boot, since pids come again."""

    machine_id: str
    pid: int
    start_ticks: int
    boot: str
    cgroup: str | None = None
    """Path of the machine's own cgroup, where it has one."""
    legacy: tuple[str, ...] = attrs.field(default=(), converter=_tuple)
    """Paths of its directories in the hierarchies of version 1 that limit it."""

    @property
    def held_in(self) -> Cgroup | None:
        """The cgroup that holds the machine."""
        return None if self.cgroup is None else Cgroup(Path(self.cgroup), tuple(map(Path, self.legacy)))

    def now(self) -> Process | None:
        """The supervisor as it is now; None where it has ended."""
        found = process(self.pid) if self.this_boot else None
        return found if found is not None and found.alive and self.is_(found) else None

    @property
    def this_boot(self) -> bool:
        """Whether the host was not started again since; else nothing of the machine is left."""
        return self.boot == boot_id()

    def is_(self, found: Process) -> bool:
        """Whether the process that has this pid now is the supervisor, or another that came after it."""
        if found.start_ticks != self.start_ticks:
            return False
        variables = environment(self.pid)
        return not variables or marker(self.machine_id) in variables


@attrs.frozen
class Ending:
    """How a machine's program ended."""

    exit_code: int
    cpu_seconds: float

    @property
    def note(self) -> str:
        """In words, where there is more to say than the code."""
        number = self.exit_code - 128
        if number in set(signal.Signals):
            return f"its program was ended by {signal.Signals(number).name}"
        return ""


@attrs.frozen
class Record:
    """One machine's directory in the hypervisor's own state: made before the machine, removed after all of it."""

    directory: Path

    @property
    def machine_id(self) -> str:
        """Whose record it is."""
        return self.directory.name

    @property
    def ending_file(self) -> Path:
        """Where the supervisor writes."""
        return self.directory / "ending"

    def write(self, supervised: Supervised) -> None:
        """Note which process is the supervisor: whole, or not at all."""
        new = self.directory / "supervisor.new"
        new.write_text(json.dumps(attrs.asdict(supervised)), "utf-8")
        new.replace(self.directory / "supervisor")

    def supervised(self) -> Supervised | None:
        """The supervisor that was noted; None where the machine's creation did not come so far."""
        try:
            return Supervised(**json.loads((self.directory / "supervisor").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def ending(self) -> Ending | None:
        """How the program ended; None where that was not recorded, or not whole."""
        try:
            with self.ending_file.open("rb") as file:
                return read_ending(file.read(_ENDING_MAX).decode("ascii", "replace"))
        except OSError:
            return None


def read_ending(raw: str) -> Ending | None:
    """Read what the supervisor wrote; the times are those of the shell's ``times``."""
    match = _ENDING.fullmatch(raw)
    if match is None:
        return None
    seconds = sum(60 * int(minutes) + float(part.replace(",", ".")) for minutes, part in _TIME.findall(match[2]))
    return Ending(exit_code=int(match[1]), cpu_seconds=seconds)


def record_of(records: Path, machine_id: str) -> Record | None:
    """The record of a machine, which need not exist yet; None for an id that no machine can have."""
    return Record(records / machine_id) if _ID.fullmatch(machine_id) else None


def all_records(records: Path) -> list[Record]:
    """Those that exist."""
    return [Record(found) for found in records.iterdir() if _ID.fullmatch(found.name)]
