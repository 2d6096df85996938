"""What every observer keeps."""
# ruff: noqa: D102 - the names of the tests say what is kept

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vac_core.interfaces import Home, Observer
from vac_core.model import TRANSITIONS, Event, EventKind, Health, Machine, MachineState, Outcome
from vac_core.testing.makers import NOW, machine
from vac_core.testing.makers import home as make_home


def every_event() -> list[Event]:
    """One event for each change of state that a machine can go through, and some of a factory."""
    events: list[tuple[EventKind, str, Machine | None]] = []
    for (_, happening), state in TRANSITIONS.items():
        over = state in {MachineState.ENDED, MachineState.CLEARED}
        after = machine(
            state=state,
            ended=NOW if over else None,
            outcome=Outcome(200, "Success") if over else None,
            cpu_seconds=12.5,
        )
        events.append((EventKind.MACHINE, str(happening), after))
    events += [(EventKind.FACTORY, what, None) for what in ("started", "draining", "something-new")]
    return [
        Event(seq=seq, time=NOW + seq, kind=kind, what=what, reason="for the test", machine=one)
        for seq, (kind, what, one) in enumerate(events, start=1)
    ]


class ObserverContract:
    """Subclass it, and give it a fixture ``observer``."""

    @pytest.fixture
    def observer(self) -> Observer:
        """The object under test, not started."""
        raise NotImplementedError("give the contract a fixture named observer")

    @pytest.fixture
    def home(self, tmp_path: Path) -> Home:
        """The home of the factory under test."""
        return make_home(tmp_path)

    @pytest.fixture
    def started(self, observer: Observer, home: Home) -> Iterator[Observer]:
        """The object, started, and stopped in the end."""
        observer.start(home)
        yield observer
        observer.stop()

    def test_it_has_a_name_and_speaks_of_its_health(self, started: Observer) -> None:
        assert started.name
        assert isinstance(started.health(), Health)

    def test_it_takes_every_event(self, started: Observer) -> None:
        for event in every_event():
            started.observe(event)

    def test_it_takes_an_event_that_it_has_been_told_of_before(self, started: Observer) -> None:
        for event in every_event():
            started.observe(event)
            started.observe(event)

    def test_it_takes_a_machine_without_outcome_or_times(self, started: Observer) -> None:
        bare = machine(state=MachineState.ENDED, started=None, ended=NOW, outcome=None)
        started.observe(Event(seq=1, time=NOW, kind=EventKind.MACHINE, what="gone", machine=bare))

    def test_it_goes_on_after_a_restart(self, started: Observer, home: Home) -> None:
        first, *others = every_event()
        started.observe(first)
        started.stop()
        started.start(home)
        for event in (first, *others):
            started.observe(event)
