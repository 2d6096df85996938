"""The journal: what was intended, what happened, and how each machine ended, in one SQLite file.

Each change of a machine is one transaction: its new row and the event that tells of it. The file is in WAL mode with
``synchronous=NORMAL``: a killed daemon loses nothing; a power cut may lose the last moments, as it ends the machines.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import attrs

from vac_core.factory.records import machine_from_text, machine_to_text
from vac_core.model import TRANSITIONS, Event, EventKind, Happening, Machine, MachineState

PLANNED = "planned"
_PRIVATE = 0o600
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE machines (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, slot INTEGER NOT NULL, machinetype TEXT NOT NULL,
    created REAL NOT NULL, ended REAL, machine TEXT NOT NULL);
CREATE INDEX machines_by_state ON machines (state);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL,
    reason TEXT NOT NULL, machine_id TEXT, machine TEXT);
CREATE INDEX events_by_machine ON events (machine_id);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE observers (name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
"""


_DAMAGES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DAMAGED: Final = (
    "check the disk, then put a copy of it back, or move it away: a new one is begun, and machines cleared"
)


class JournalError(Exception):
    """The journal cannot be opened, read or written; the message names the file and the mend."""


class ImpossibleHappeningError(Exception):
    """The life-cycle table knows no such happening in the machine's state: a fault in Vac itself."""


def _mend(error: sqlite3.Error) -> str:
    if getattr(error, "sqlite_errorcode", None) in _DAMAGES:
        return "check the disk, then put a copy back, or move it away, and machines that run are cleared away too"
    return "check the disk and the file's permissions"


class Journal:
    """One factory's journal. All its methods are quick and are called from one thread."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        if isinstance(path, Path):
            _make_private(path)
        with self._explained():
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._prepare()

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _SCHEMA_VERSION:
            raise JournalError(f"{self.path} was written by a newer Vac: upgrade this one")
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_SCHEMA_VERSION}; COMMIT;")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.path}: {error}: {_mend(error)}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._db.rollback()  # a commit that fails may leave its transaction open, and so bar the next one
                raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def plan(self, machine: Machine, reason: str) -> Machine:
        """Write down the intent to make a machine."""
        with self._transaction():
            self._write_row(machine)
            self._write_event(machine.created, PLANNED, reason, machine)
        return machine

    def apply(self, machine: Machine, happening: Happening, *, now: float, reason: str = "", **changes: Any) -> Machine:
        """Move a machine along the life-cycle table and change some of its fields; return it as it is now."""
        state = TRANSITIONS.get((machine.state, happening))
        if state is None:
            raise ImpossibleHappeningError(f"machine {machine.id}: {happening} in state {machine.state}")
        after = attrs.evolve(machine, state=state, **changes)
        with self._transaction():
            self._write_row(after)
            self._write_event(now, happening.value, reason, after)
        return after

    def update(self, machines: Iterable[Machine]) -> None:
        """Keep machines' newest figures (heartbeat, CPU time, shutdown time), which are no events."""
        with self._transaction():
            for machine in machines:
                self._write_row(machine)

    def note(self, what: str, reason: str, *, now: float) -> None:
        """Write down an event of the factory itself."""
        with self._transaction():
            self._write_event(now, what, reason, None)

    def _write_row(self, machine: Machine) -> None:
        self._db.execute(
            "INSERT INTO machines (id, state, slot, machinetype, created, ended, machine) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET state=excluded.state, ended=excluded.ended, machine=excluded.machine",
            (
                machine.id,
                machine.state,
                machine.slot,
                machine.machinetype,
                machine.created,
                machine.ended,
                machine_to_text(machine),
            ),
        )

    def _write_event(self, time: float, what: str, reason: str, machine: Machine | None) -> None:
        kind = EventKind.FACTORY if machine is None else EventKind.MACHINE
        row = (time, kind, what, reason, machine and machine.id, machine and machine_to_text(machine))
        self._db.execute("INSERT INTO events (time, kind, what, reason, machine_id, machine) VALUES (?,?,?,?,?,?)", row)

    def unfinished(self) -> list[Machine]:
        """All machines that are not yet cleared away, oldest first."""
        return self._machines("WHERE state != ? ORDER BY created, id", MachineState.CLEARED)

    def find(self, machine_id: str) -> Machine | None:
        """A machine by its id, also one that was cleared away."""
        return next(iter(self._machines("WHERE id = ?", machine_id)), None)

    def last_in_slots(self) -> list[Machine]:
        """The latest machine of each slot."""
        return self._machines("WHERE id IN (SELECT id FROM (SELECT id, MAX(created) FROM machines GROUP BY slot))")

    def latest_ends(self) -> list[Machine]:
        """Of each machinetype, the most recently created machine that has ended."""
        return self._machines(
            "WHERE id IN (SELECT id FROM (SELECT id, MAX(created) FROM machines WHERE ended IS NOT NULL"
            " GROUP BY machinetype))"
        )

    def _machines(self, where: str, *values: Any) -> list[Machine]:
        with self._explained():
            rows = self._db.execute(f"SELECT machine FROM machines {where}", values).fetchall()  # noqa: S608 - constants
        return [machine_from_text(row[0]) for row in rows]

    def events_after(self, seq: int, limit: int = 100) -> list[Event]:
        """Events that follow number ``seq``, in order."""
        with self._explained():
            rows = self._db.execute(
                "SELECT seq, time, kind, what, reason, machine FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
                (seq, limit),
            ).fetchall()
        return [_event(*row) for row in rows]

    def told(self, observer: str) -> int:
        """Number of the last event that an observer has taken note of; a new one starts with the next event."""
        with self._explained():
            row = self._db.execute("SELECT seq FROM observers WHERE name = ?", (observer,)).fetchone()
            if row is None:
                row = self._db.execute("SELECT COALESCE(MAX(seq), 0) FROM events").fetchone()
        return int(row[0])

    def tell(self, observer: str, seq: int) -> None:
        """Remember that an observer has taken note of all events up to ``seq``."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO observers (name, seq) VALUES (?, ?)", (observer, seq))

    def remember(self, name: str, value: str | None) -> None:
        """Keep a fact over restarts; None forgets it."""
        with self._transaction():
            if value is None:
                self._db.execute("DELETE FROM facts WHERE name = ?", (name,))
            else:
                self._db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    def recall(self, name: str) -> str | None:
        """A fact that was kept."""
        with self._explained():
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def prune(self, before: float) -> None:
        """Drop events and cleared machines older than ``before``."""
        with self._transaction():
            self._db.execute("DELETE FROM events WHERE time < ?", (before,))
            self._db.execute("DELETE FROM machines WHERE state = ? AND ended < ?", (MachineState.CLEARED, before))


def _make_private(path: Path) -> None:
    """Make the file for nobody but its owner, for it holds machines' tokens; SQLite makes its others alike."""
    with suppress(OSError):  # SQLite says what is wrong
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE))


def _event(seq: int, time: float, kind: str, what: str, reason: str, machine: str | None) -> Event:
    return Event(
        seq=seq,
        time=time,
        kind=EventKind(kind),
        what=what,
        reason=reason,
        machine=None if machine is None else machine_from_text(machine),
    )
