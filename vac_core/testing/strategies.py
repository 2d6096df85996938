"""Hypothesis strategies for situations: usual ones and odd ones."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from vac_core.config.schema import MachineType
from vac_core.model import Capacity, Machine, MachineState, Outcome
from vac_core.situation import Abort, Situation, TypeTotals
from vac_core.testing.makers import NOW, machine, machinetype, settings, situation

_NAMES: Final = ("atlas", "cms", "gridpp", "lhcb", "lhcb-multi")
_DAY: Final = 86400.0
_ALIVE: Final = (MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED, MachineState.STOPPING)


def outcomes() -> st.SearchStrategy[Outcome]:
    """How machines end: each code that the platform defines, others, and none."""
    codes = st.none() | st.sampled_from((100, 200, 300, 400, 500, 600, 700)) | st.integers(100, 999)
    return st.builds(Outcome, codes, st.text(max_size=20))


@st.composite
def machinetypes(draw: st.DrawFn, name: str) -> MachineType:
    """A machinetype of this name."""
    least = draw(st.sampled_from((1, 1, 1, 2, 4)))
    longest = draw(st.integers(60, int(3 * _DAY)))
    return machinetype(
        name,
        target_share=draw(st.sampled_from((0.0, 0.1, 1.0, 5.0)) | st.floats(0.0, 100.0)),
        machinegroup=draw(st.sampled_from((None, "group-a", "group-b"))),
        min_processors=least,
        max_processors=draw(st.integers(least, 8)),
        max_wallclock_seconds=longest,
        min_wallclock_seconds=draw(st.none() | st.integers(1, longest)),
        backoff_seconds=draw(st.integers(0, 3600)),
        fizzle_seconds=draw(st.integers(0, 3600)),
    )


@st.composite
def machines(draw: st.DrawFn, machinetype_name: str, slot: int) -> Machine:
    """A machine of this type that holds a slot."""
    created = NOW - draw(st.floats(0.0, _DAY))
    state = draw(st.sampled_from(_ALIVE))
    return machine(
        slot,
        id=f"00000000-0000-4000-8000-{slot:012d}",
        token=f"token-{slot}",
        machinetype=machinetype_name,
        processors=draw(st.integers(1, 8)),
        state=state,
        created=created,
        started=None if state is MachineState.STARTING else created,
        shutdown_time=NOW + draw(st.floats(-60.0, _DAY)),
    )


@st.composite
def totals(draw: st.DrawFn) -> TypeTotals:
    """One machinetype over the space; its latest abort may lie in what is said to be the future."""
    aborts = st.builds(
        Abort,
        time=st.floats(NOW - _DAY, NOW + _DAY),
        factory=st.just("wn02.example.org"),
        outcome=st.builds(Outcome, st.sampled_from((300, 400, 600, 700)), st.just("for the test")),
    )
    return TypeTotals(
        running_hs06=draw(st.sampled_from((0.0, 8.0)) | st.floats(0.0, 1e6)),
        running_machines=draw(st.integers(0, 10000)),
        num_before_fizzle=draw(st.integers(0, 20)),
        last_abort=draw(st.none() | aborts),
    )


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """What a factory may find itself in; a machine's type may be gone from the site files, and totals be missing."""
    names = draw(st.lists(st.sampled_from(_NAMES), unique=True))
    types = [draw(machinetypes(name)) for name in names]
    owners = draw(st.lists(st.sampled_from(_NAMES), max_size=6))
    seen = draw(st.lists(st.sampled_from(_NAMES), unique=True))
    loads = st.floats(0.0, 100.0)
    return situation(
        types,
        settings=settings(
            processors_per_superslot=draw(st.sampled_from((1, 1, 4, 8))),
            max_starting=draw(st.none() | st.integers(1, 8)),
        ),
        machines=tuple(draw(machines(owner, slot)) for slot, owner in enumerate(owners)),
        totals={name: draw(totals()) for name in seen},
        factories_heard=draw(st.integers(0, 100)),
        capacity=Capacity(
            processors=draw(st.integers(1, 64)),
            memory_bytes=draw(st.sampled_from((0, 2**31, 2**40))),
            load_averages=draw(st.tuples(loads, loads, loads)),
            disk_free_bytes=draw(st.none() | st.integers(0, 2**45)),
        ),
        draining=draw(st.booleans()),
        drain_until=draw(st.none() | st.floats(NOW, NOW + _DAY)),
        shutdown_time=draw(st.none() | st.floats(NOW - _DAY, NOW + _DAY)),
    )
