"""A factory may die at any write to its journal: nothing is lost, nothing is doubled, nothing is left behind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from crashing import DyingJournal

from vac_core.factory.journal import Journal, JournalError
from vac_core.interfaces import CreateRequest
from vac_core.model import Event, Machine, MachineState
from vac_core.testing import Life, machinetype, run_virtual
from vac_core.testing.space import VirtualFactory, VirtualSpace

LIVES = {
    "works": Life(ends_after=20.0, message=b"200 Success", runs_after=1.0),
    "idle": Life(ends_after=3.0, message=b"300 No work"),
    "stubborn": Life(heeds_stop_after=None),
}
TYPES = [
    machinetype("works", target_share=2.0),
    machinetype("idle", backoff_seconds=10, fizzle_seconds=5),
    machinetype("stubborn", max_wallclock_seconds=15, grace_seconds=3),
]


def life_of(request: CreateRequest) -> Life:
    return LIVES[request.machinetype.name]


async def die(factory: VirtualFactory, writes: int, *, before: bool) -> DyingJournal:
    """Start a daemon that dies at its nth write, and let it die."""
    made: list[DyingJournal] = []

    def open_journal(_path: Path) -> Journal:
        made.append(DyingJournal(factory, writes, before=before))
        return made[0]

    try:
        await factory.start(open_journal)
    except JournalError:
        assert made[0].dead
    return made[0]


def check_records(events: list[Event], told: list[Event]) -> None:
    """Each machine was planned, ended and cleared away once, and observers saw each event, in order."""
    happened: dict[str, Counter[str]] = {}
    for event in events:
        if event.machine is not None:
            happened.setdefault(event.machine.id, Counter())[event.what] += 1
    for counts in happened.values():
        assert counts["planned"] == 1
        assert counts["created"] <= 1
        assert counts["gone"] + counts["creation_failed"] == 1
        assert counts["cleared"] == 1
    first_told = list(dict.fromkeys(event.seq for event in told))
    assert first_told == [event.seq for event in events]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("writes", range(1, 40, 2))
def test_death_at_any_write_loses_nothing(tmp_path: Path, writes: int, before: bool) -> None:
    async def story() -> None:
        async with VirtualSpace(tmp_path, TYPES, {"wn01.example.org": 3}, lives=life_of) as space:
            factory = space.only
            await factory.stop()
            for deaths in range(3):
                dying = await die(factory, writes + deaths, before=before)
                await space.pass_time(60)
                assert dying.dead
                if factory.is_running:
                    await factory.stop()
                factory.host.failures = {}
            await factory.start()
            await space.pass_time(30)
            assert_truth(factory)
            factory.daemon.draining.start(space.clock() + 10, "the end of the test", space.clock())
            factory.daemon.wake()
            await space.pass_time(120)
            assert factory.alive == ()
            assert factory.host.machines == {}
            check_records(factory.daemon.given.journal.events_after(0, 100000), factory.observer.events)

    run_virtual(story())


def assert_truth(factory: VirtualFactory) -> None:
    """What the journal has as running is what its host runs."""
    running: set[str] = {one.id for one in factory.alive if settled(one)}
    assert running <= factory.host.machines.keys()
    assert factory.host.machines.keys() <= {machine.id for machine in factory.daemon.roster.unfinished}


def settled(machine: Machine) -> bool:
    return machine.state in {MachineState.STARTING, MachineState.RUNNING}
