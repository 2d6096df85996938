"""Reading the journal from beside the daemon: filters, limits, secrets, and journals that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vac_core.factory.history import read
from vac_core.factory.journal import Journal, JournalError
from vac_core.model import Happening, MachineState, Outcome
from vac_core.testing import NOW, machine

FIRST = machine(0, state=MachineState.PLANNED, machinetype="lhcb", created=NOW, token="secret-of-first")
SECOND = machine(1, state=MachineState.PLANNED, machinetype="atlas", created=NOW + 10, token="secret-of-second")


def write(path: Path) -> Journal:
    journal = Journal(path)
    journal.plan(FIRST, "furthest below its share")
    journal.plan(SECOND, "its turn")
    journal.note("draining", "new disk", now=NOW + 20)
    started = journal.apply(FIRST, Happening.CREATED, now=NOW + 30)
    journal.apply(started, Happening.GONE, now=NOW + 40, reason="done", ended=NOW + 40, outcome=Outcome(200, "done"))
    return journal


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "journal.sqlite"
    journal = write(path)
    yield path
    journal.close()


def whats(events: list[dict[str, object]]) -> list[object]:
    return [event["what"] for event in events]


def test_everything_is_told_oldest_first_while_the_daemon_writes(path: Path) -> None:
    events = read(path)
    assert whats(events) == ["planned", "planned", "draining", "created", "gone"]
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
    assert events[2] == {
        "seq": 3,
        "time": NOW + 20,
        "kind": "factory",
        "what": "draining",
        "reason": "new disk",
        "machine": None,
    }
    assert events[4]["machine"]["outcome"] == "200 done"
    assert events[4]["machine"]["state"] == "ended"


@pytest.mark.parametrize("asked", [FIRST.id, FIRST.name])
def test_one_machine_is_found_by_its_id_and_by_its_slots_name(path: Path, asked: str) -> None:
    events = read(path, machine=asked)
    assert whats(events) == ["planned", "created", "gone"]
    assert {event["machine"]["id"] for event in events} == {FIRST.id}


def test_one_machinetype_is_told_of_alone(path: Path) -> None:
    assert [event["machine"]["id"] for event in read(path, machinetype="atlas")] == [SECOND.id]
    assert read(path, machinetype="cms") == []


def test_since_takes_in_its_own_moment(path: Path) -> None:
    assert whats(read(path, since=NOW + 20)) == ["draining", "created", "gone"]
    assert read(path, since=NOW + 41) == []


def test_a_limit_keeps_the_latest(path: Path) -> None:
    assert whats(read(path, limit=2)) == ["created", "gone"]
    assert read(path, limit=0) == []


def test_filters_work_together(path: Path) -> None:
    assert whats(read(path, machine=FIRST.name, machinetype="lhcb", since=NOW + 1, limit=1)) == ["gone"]
    assert read(path, machine=FIRST.name, machinetype="atlas") == []


def test_what_a_filter_is_given_is_never_taken_for_a_query(path: Path) -> None:
    assert read(path, machine="' OR 1=1 --", machinetype="%") == []


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), max_size=12),
    st.none() | st.integers(0, 2),
    st.none() | st.integers(0, 50),
    st.integers(0, 15),
)
@settings(max_examples=40)
def test_filters_choose_what_they_say(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[tuple[int, int]],
    slot: int | None,
    since: int | None,
    limit: int,
) -> None:
    path = tmp_path_factory.mktemp("history") / "journal.sqlite"
    journal = Journal(path)
    for number, (of, time) in enumerate(written):
        journal.plan(machine(of, id=f"id-{number}", state=MachineState.PLANNED, created=float(time)), str(number))
    found = read(path, machine=None if slot is None else f"wn01-{slot:02}.example.org", since=since, limit=limit)
    journal.close()
    wanted = [
        str(number)
        for number, (of, time) in enumerate(written)
        if slot in {None, of} and (since is None or time >= since)
    ]
    assert [event["reason"] for event in found] == wanted[max(0, len(wanted) - limit) :]


def test_no_token_is_told(path: Path) -> None:
    told = json.dumps(read(path))
    assert "furthest below its share" in told
    assert "secret-of" not in told
    assert b"secret-of-first" in path.read_bytes() + path.with_name("journal.sqlite-wal").read_bytes()


def test_a_journal_whose_daemon_has_stopped_is_read_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    write(path).close()
    before = path.read_bytes()
    assert len(read(path)) == 5
    assert path.read_bytes() == before


def test_a_path_with_signs_that_mean_something_in_a_uri_is_read(tmp_path: Path) -> None:
    directory = tmp_path / "a?mode=rwc#b%20c"
    directory.mkdir()
    write(directory / "journal.sqlite").close()
    assert len(read(directory / "journal.sqlite")) == 5


def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"there is no journal at .*--state-dir"):
        read(tmp_path / "journal.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_journal_is_explained(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database" * 100, "utf-8")
    with pytest.raises(JournalError, match="text: file is not a database"):
        read(tmp_path / "text")
    (tmp_path / "other").touch()
    with pytest.raises(JournalError, match="other: no such table"):
        read(tmp_path / "other")
    with pytest.raises(JournalError, match=f"journal {tmp_path}: .*: is it readable for you"):
        read(tmp_path)


def test_each_event_shows_the_machine_as_it_was_then(path: Path) -> None:
    states = [event["machine"]["state"] for event in read(path, machine=FIRST.id)]
    assert states == ["planned", "starting", "ended"]


def test_a_machine_that_has_changed_its_figures_since_is_told_as_it_was(path: Path) -> None:
    journal = Journal(path)
    (one,) = [found for found in journal.unfinished() if found.id == SECOND.id]
    journal.update([attrs.evolve(one, cpu_seconds=99.0)])
    journal.close()
    assert [event["machine"]["cpu_seconds"] for event in read(path, machine=SECOND.id)] == [0.0]
