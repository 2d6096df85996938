"""The journal: what it keeps, what it refuses, and that nothing is lost when it cannot be written."""

from __future__ import annotations

import functools
import json
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.factory.journal import PLANNED, ImpossibleHappeningError, Journal, JournalError
from vac_core.model import TRANSITIONS, Event, EventKind, Happening, Machine, MachineState, Outcome
from vac_core.testing import NOW, machine

CLOSED_IN = 60
"""Seconds that a journalling process of these tests may take before a test gives up."""


def planned(slot: int = 0, **changes: object) -> Machine:
    return machine(slot, state=MachineState.PLANNED, **changes)


def all_events(journal: Journal) -> list[Event]:
    return journal.events_after(0, 10000)


def test_a_machine_comes_back_as_it_was_written(tmp_path: Path) -> None:
    one = planned(3, details={"address": "192.0.2.7"}, fqan="/lhcb", cpu_seconds=1.5)
    journal = Journal(tmp_path / "journal.sqlite")
    journal.plan(one, "furthest below its share")
    journal.close()
    again = Journal(tmp_path / "journal.sqlite")
    assert again.unfinished() == [one]
    assert again.find(one.id) == one
    assert again.find("no such id") is None
    (event,) = all_events(again)
    assert (event.kind, event.what, event.reason) == (EventKind.MACHINE, PLANNED, "furthest below its share")
    assert (event.time, event.machine) == (one.created, one)
    again.close()


@given(happenings=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(Happening)), max_size=12))
def test_machines_follow_the_table_or_stay_as_they_are(happenings: list[tuple[int, Happening]]) -> None:
    journal = Journal(":memory:")
    standing = [journal.plan(planned(slot), "") for slot in (0, 1)]
    told = [(PLANNED, MachineState.PLANNED)] * 2
    for step, (which, happening) in enumerate(happenings):
        before = standing[which]
        after = TRANSITIONS.get((before.state, happening))
        if after is None:
            with pytest.raises(ImpossibleHappeningError, match=f"{before.id}.*{happening}.*{before.state}"):
                journal.apply(before, happening, now=NOW + step)
        else:
            standing[which] = journal.apply(before, happening, now=NOW + step)
            assert standing[which] == attrs.evolve(before, state=after)
            told.append((happening.value, after))
        assert [(event.what, event.machine and event.machine.state) for event in all_events(journal)] == told
        assert [journal.find(one.id) for one in standing] == standing
    finished = {one.id for one in standing if one.state is MachineState.CLEARED}
    assert {one.id for one in journal.unfinished()} == {one.id for one in standing} - finished
    journal.close()


def test_every_state_but_the_last_can_be_left_and_the_last_cannot() -> None:
    left = {state for state, _ in TRANSITIONS}
    assert left == set(MachineState) - {MachineState.CLEARED}
    assert set(TRANSITIONS.values()) == set(MachineState) - {MachineState.PLANNED}


def test_a_change_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    one = journal.plan(planned(), "")
    with pytest.raises(TypeError):
        journal.apply(one, Happening.CREATED, now=NOW, details={"not": object()})
    assert journal.find(one.id) == one
    assert [event.what for event in all_events(journal)] == [PLANNED]
    assert journal.apply(one, Happening.CREATED, now=NOW).state is MachineState.STARTING
    journal.close()


def test_figures_are_no_events() -> None:
    journal = Journal(":memory:")
    one = journal.plan(planned(), "")
    newer = attrs.evolve(one, heartbeat=NOW, cpu_seconds=7.0)
    journal.update([newer])
    assert journal.unfinished() == [newer]
    assert [event.what for event in all_events(journal)] == [PLANNED]
    journal.close()


def test_the_last_in_each_slot_and_the_latest_end_of_each_type_are_found() -> None:
    journal = Journal(":memory:")
    early, late = planned(0, created=NOW - 20), planned(0, created=NOW - 10)
    for one in (early, late):
        journal.plan(one, "")
        started = journal.apply(one, Happening.CREATED, now=NOW)
        journal.apply(started, Happening.GONE, now=NOW, ended=NOW, outcome=Outcome(300, "no work"))
    other = journal.plan(planned(1, machinetype="atlas", created=NOW), "")
    assert {one.id for one in journal.last_in_slots()} == {late.id, other.id}
    assert [one.id for one in journal.latest_ends()] == [late.id]
    assert journal.latest_ends()[0].outcome == Outcome(300, "no work")
    journal.close()


def test_facts_are_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    assert journal.recall("drain") is None
    journal.remember("drain", "yes")
    journal.remember("drain", "until noon")
    journal.close()
    again = Journal(path)
    assert again.recall("drain") == "until noon"
    again.remember("drain", None)
    assert again.recall("drain") is None
    again.close()


def test_a_new_observer_is_told_of_what_comes_after_it() -> None:
    journal = Journal(":memory:")
    journal.note("first", "", now=NOW)
    place = journal.told("grid")
    journal.note("second", "", now=NOW)
    assert [event.what for event in journal.events_after(place)] == ["second"]
    journal.tell("grid", place + 1)
    assert journal.told("grid") == place + 1
    assert journal.events_after(journal.told("grid")) == []
    journal.close()


def test_events_are_given_in_order_and_no_more_than_asked_for() -> None:
    journal = Journal(":memory:")
    for number in range(5):
        journal.note(f"event {number}", "", now=NOW - number)
    assert [event.what for event in journal.events_after(1, 3)] == ["event 1", "event 2", "event 3"]
    journal.close()


def test_pruning_spares_what_is_recent_and_what_is_not_cleared_away() -> None:
    journal = Journal(":memory:")
    kept, cleared = planned(0, created=NOW - 900), planned(1, created=NOW - 900)
    for one in (kept, cleared):
        journal.plan(one, "")
        started = journal.apply(one, Happening.CREATED, now=NOW - 800)
        journal.apply(started, Happening.GONE, now=NOW - 700, ended=NOW - 700)
    journal.apply(attrs.evolve(cleared, state=MachineState.ENDED, ended=NOW - 700), Happening.CLEARED, now=NOW - 10)
    journal.prune(NOW - 600)
    assert [event.what for event in all_events(journal)] == ["cleared"]
    assert journal.find(kept.id) is not None
    assert journal.find(cleared.id) is None
    journal.note("later", "", now=NOW)
    assert all_events(journal)[-1].seq > all_events(journal)[0].seq, "a number is never used again"
    journal.close()


def test_a_number_is_never_used_again_when_all_events_are_pruned() -> None:
    journal = Journal(":memory:")
    journal.note("old", "", now=NOW - 900)
    (old,) = all_events(journal)
    journal.prune(NOW)
    journal.note("new", "", now=NOW)
    (new,) = all_events(journal)
    assert new.seq > old.seq
    journal.close()


def test_a_journal_of_a_newer_vac_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"journal\.sqlite.*newer Vac: upgrade"):
        Journal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_journal_is_explained_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.sqlite: .*: check the disk, then put a copy back"):
        Journal(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("place", ["missing/journal.sqlite", "file/journal.sqlite", ""])
def test_a_place_where_no_file_can_be_is_explained(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="unable to open database file: check the disk"):
        Journal(tmp_path / place)


def test_a_journal_that_is_damaged_while_it_is_open_gives_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    for slot in range(200):
        journal.plan(planned(slot), "x" * 500)
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    damaged = Journal(path)
    with pytest.raises(JournalError, match="malformed: check the disk, then put a copy back"):
        damaged.unfinished()
    damaged.close()


def test_nobody_but_the_owner_may_read_the_tokens_in_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.plan(planned(), "")
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert "journal.sqlite-wal" in files
    assert set(files.values()) == {0o600}
    journal.close()


FILL = """
import json, resource, signal, sys
from pathlib import Path
from vac_core.factory.journal import Journal, JournalError
from vac_core.model import Happening
from vac_core.testing import NOW, machine

path, limit = Path(sys.argv[1]), int(sys.argv[2])
journal = Journal(path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
kept, refusals = [], []
for slot in range(400):
    one = machine(slot, state="planned")
    try:
        journal.plan(one, "x" * 300)
    except JournalError as error:
        refusals.append(str(error))
        if len(refusals) == 3:
            break
    else:
        kept.append(one.id)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
known = [one.id for one in journal.unfinished()]
journal.note("room", "made", now=NOW)
print(json.dumps({"kept": kept, "known": known, "refusals": refusals}))
"""


@pytest.mark.parametrize("limit", [100_000, 130_001, 200_000])
def test_a_full_disk_refuses_what_is_new_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "journal.sqlite"
    ran = subprocess.run(
        [sys.executable, "-c", FILL, str(path), str(limit)], capture_output=True, timeout=CLOSED_IN, check=False
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert len(said["refusals"]) == 3
    assert all(f"journal {path}: " in refusal and "check the disk" in refusal for refusal in said["refusals"])
    assert sorted(said["known"]) == sorted(said["kept"])
    journal = Journal(path)
    assert sorted(one.id for one in journal.unfinished()) == sorted(said["kept"])
    assert [event.what for event in all_events(journal)] == [PLANNED] * len(said["kept"]) + ["room"]
    journal.close()


class Balky(sqlite3.Connection):
    """Refuses to commit as often as it is told, and leaves the transaction open, as SQLite may do."""

    balks = 0

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.balks:
            self.balks -= 1
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *parameters)


def test_a_commit_that_fails_bars_no_later_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Balky))
    journal = Journal(tmp_path / "journal.sqlite")
    monkeypatch.setattr(Balky, "balks", 1)
    with pytest.raises(JournalError, match="disk I/O error: check the disk"):
        journal.plan(planned(0), "lost")
    kept = journal.plan(planned(1), "kept")
    assert journal.unfinished() == [kept]
    assert [event.reason for event in all_events(journal)] == ["kept"]
    journal.close()


DIE = """
import os, sys
from pathlib import Path
from vac_core.factory.journal import Journal
from vac_core.testing import machine

journal = Journal(Path(sys.argv[1]))
for slot in range(5):
    print(journal.plan(machine(slot, state="planned"), "").id, flush=True)
os.kill(os.getpid(), 9)
"""


def test_what_was_journalled_outlives_the_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    ran = subprocess.run(
        [sys.executable, "-c", DIE, str(path)], capture_output=True, text=True, timeout=CLOSED_IN, check=False
    )
    assert ran.returncode == -9
    journal = Journal(path)
    assert sorted(one.id for one in journal.unfinished()) == sorted(ran.stdout.split())
    journal.close()
