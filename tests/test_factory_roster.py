"""The factory's machines in memory: the same as in the journal at all times, each slot held by one."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from vac_core.factory.journal import ImpossibleHappeningError, Journal
from vac_core.factory.roster import Roster
from vac_core.model import TRANSITIONS, Happening, Machine, MachineState, Outcome
from vac_core.testing import NOW, VirtualClock, machine

TYPES = ("atlas", "lhcb")


def planned(slot: int = 0, **changes: object) -> Machine:
    return machine(slot, **{"state": MachineState.PLANNED, "created": NOW, **changes})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def roster(journal: Journal, clock: VirtualClock) -> Roster:
    return Roster(journal, clock)


def run(roster: Roster, one: Machine) -> Machine:
    roster.plan(one, "")
    roster.happen(one.id, Happening.CREATED)
    return roster.happen(one.id, Happening.SEEN_RUNNING, started=NOW)


def end(roster: Roster, one: Machine, code: int = 200) -> Machine:
    return roster.happen(one.id, Happening.GONE, ended=NOW, outcome=Outcome(code, ""))


def test_the_lowest_slot_that_nobody_holds_is_free(roster: Roster) -> None:
    assert roster.free_slot() == 0
    ones = [run(roster, planned(roster.free_slot())) for _ in range(3)]
    assert [one.slot for one in ones] == [0, 1, 2]
    assert roster.free_slot() == 3
    end(roster, ones[1])
    assert roster.free_slot() == 1
    run(roster, planned(1))
    assert roster.free_slot() == 3


def test_a_machine_is_found_by_id_and_by_its_slots_name_while_it_lives(roster: Roster) -> None:
    one = run(roster, planned(4))
    assert roster.find(one.id) == roster.find("wn01-04.example.org") == one
    assert roster.find("wn01-05.example.org") is None
    end(roster, one)
    assert roster.find(one.id) is None
    assert roster.find(one.name) is None
    assert roster.get(one.id) is not None, "its remains are still to be cleared away"
    roster.happen(one.id, Happening.CLEARED)
    assert roster.get(one.id) is None


def test_an_event_bears_the_time_of_the_clock_and_the_reason(
    roster: Roster, journal: Journal, clock: VirtualClock
) -> None:
    one = run(roster, planned())
    clock.advance(60)
    roster.happen(one.id, Happening.STOP, "the queue is closed")
    last = journal.events_after(0)[-1]
    assert (last.time, last.what, last.reason) == (clock(), "stop", "the queue is closed")


def test_what_cannot_happen_changes_nothing(roster: Roster) -> None:
    one = roster.plan(planned(), "")
    with pytest.raises(ImpossibleHappeningError):
        roster.happen(one.id, Happening.PAUSE)
    assert roster.unfinished == (one,)


def test_figures_are_kept_in_memory_until_they_are_saved(roster: Roster, journal: Journal) -> None:
    one = run(roster, planned())
    newer = attrs.evolve(one, cpu_seconds=60.0)
    roster.freshen(newer)
    assert roster.get(one.id) == newer
    assert journal.find(one.id) == one
    roster.save()
    assert journal.find(one.id) == newer


def test_figures_of_a_machine_that_has_moved_on_are_dropped(roster: Roster) -> None:
    one = run(roster, planned())
    stopping = roster.happen(one.id, Happening.STOP)
    roster.freshen(attrs.evolve(one, cpu_seconds=60.0))
    roster.freshen(machine(7))
    assert roster.unfinished == (stopping,)


def test_the_last_in_a_slot_is_the_newest_even_when_an_older_one_is_cleared_away_late(roster: Roster) -> None:
    old = run(roster, planned(0))
    end(roster, old)
    new = run(roster, planned(0, created=NOW + 1))
    roster.happen(old.id, Happening.CLEARED)
    assert roster.last_in_slots == (new,)


def test_the_latest_end_is_of_the_machine_that_was_made_last(roster: Roster) -> None:
    old, new = run(roster, planned(0)), run(roster, planned(1, created=NOW + 1))
    new = end(roster, new, 300)
    end(roster, old, 200)
    assert roster.latest_ends == {"lhcb": new}


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_clock_that_was_set_moves_all_that_is_remembered(
    roster: Roster, journal: Journal, clock: VirtualClock, jump: float
) -> None:
    alive = run(roster, planned(0))
    older, newer = (end(roster, run(roster, planned(slot, created=NOW + slot))) for slot in (1, 2))
    roster.happen(newer.id, Happening.CLEARED)
    clock.jump(jump)
    roster.shift(jump)
    assert roster.alive == (attrs.evolve(alive, **moved(alive, jump)),)
    assert roster.latest_ends == {"lhcb": attrs.evolve(newer, state=MachineState.CLEARED, **moved(newer, jump))}
    assert [one.created for one in roster.last_in_slots] == [NOW + jump + slot for slot in range(3)]
    assert journal.find(alive.id) == roster.get(alive.id)
    assert journal.find(older.id) == roster.get(older.id)
    last = end(roster, run(roster, planned(1, created=clock() + 10)), 300)
    assert roster.latest_ends == {"lhcb": last}


def moved(one: Machine, seconds: float) -> dict[str, float]:
    times = ("created", "started", "shutdown_time", "ended")
    return {name: getattr(one, name) + seconds for name in times if getattr(one, name) is not None}


class SameAsJournal(RuleBasedStateMachine):
    """Whatever happens in whatever order, a roster read anew from the journal is the roster in memory."""

    machines = Bundle("machines")

    @initialize()
    def begin(self) -> None:
        self.clock = VirtualClock()
        self.journal = Journal(":memory:")
        self.roster = Roster(self.journal, self.clock)
        self.states: dict[str, MachineState] = {}

    @rule(target=machines, machinetype=st.sampled_from(TYPES))
    def plan(self, machinetype: str) -> str:
        self.clock.advance(1)
        one = planned(self.roster.free_slot(), machinetype=machinetype, created=self.clock())
        self.roster.plan(one, "")
        self.states[one.id] = one.state
        return one.id

    @rule(machine_id=machines, happening=st.sampled_from(Happening))
    def happen(self, machine_id: str, happening: Happening) -> None:
        self.clock.advance(1)
        after = TRANSITIONS.get((self.states[machine_id], happening))
        if after is not None and self.roster.get(machine_id) is not None:
            changes = {"ended": self.clock()} if after is MachineState.ENDED else {}
            self.roster.happen(machine_id, happening, **changes)
            self.states[machine_id] = after

    @rule(machine_id=consumes(machines), seconds=st.floats(0, 1e6))
    def freshen(self, machine_id: str, seconds: float) -> None:
        if (one := self.roster.get(machine_id)) is not None:
            self.roster.freshen(attrs.evolve(one, cpu_seconds=seconds))
            self.roster.save()

    @invariant()
    def is_the_journal(self) -> None:
        again = Roster(self.journal, self.clock)
        assert {one.id: one for one in again.unfinished} == {one.id: one for one in self.roster.unfinished}
        assert again.last_in_slots == self.roster.last_in_slots
        assert again.latest_ends == self.roster.latest_ends

    @invariant()
    def no_slot_is_held_twice(self) -> None:
        slots = [one.slot for one in self.roster.alive]
        assert len(slots) == len(set(slots))
        assert self.roster.free_slot() not in slots
        assert self.roster.free_slot() <= len(slots)

    def teardown(self) -> None:
        self.journal.close()


TestSameAsJournal = SameAsJournal.TestCase
TestSameAsJournal.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
