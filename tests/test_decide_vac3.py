"""The policy ``vac3`` with ``superslot_rule = vac3`` decides as Vac 3 did: held to its rule, written down anew here."""

import random
from collections import defaultdict

from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vac_core.builtin.policies import Vac3
from vac_core.decide.plan import plan
from vac_core.model import Capacity, Outcome
from vac_core.situation import Abort, TypeTotals
from vac_core.testing.makers import NOW, machine, machinetype, settings, situation

HALF = 0.5
"""Added to times, so that none is just at a limit: there the two may differ, and nobody can tell."""


def running_processors(judged):
    return sum(one.processors for one in judged.machines)


def stopped(judged):
    """Whether the host starts nothing at all."""
    load, per_processor = max(judged.capacity.load_averages), judged.settings.overload_per_processor
    running = running_processors(judged)
    return (
        (running > 4 and load > per_processor * running)
        or load > per_processor * judged.capacity.processors
        or (judged.shutdown_time is not None and judged.now > judged.shutdown_time)
        or judged.draining
        or running >= judged.capacity.processors
    )


def eligible(judged, one):
    totals = judged.totals[one.name]
    pause = one.backoff_seconds + (one.fizzle_seconds if totals.num_before_fizzle else 0)
    return (
        one.target_share > 0
        and (judged.shutdown_time is None or judged.now + one.least_wallclock < judged.shutdown_time)
        and (totals.last_abort is None or totals.last_abort.time < judged.now - pause)
    )


def keys(judged):
    """The score of each machinetype's group and its own: a group's is the sum of its machinetypes'."""
    types = [one for one in judged.machinetypes.values() if one.target_share > 0]
    own = {one.name: judged.totals[one.name].running_hs06 / one.target_share for one in types}
    group = defaultdict(float)
    for one in types:
        group[one.group] += own[one.name]
    return {one.name: (group[one.group], own[one.name]) for one in types}


def upstream(judged):
    """What Vac 3 would start in one cycle: machinetype, processors and end; or nothing."""
    if stopped(judged):
        return None
    order = sorted(
        (one for one in judged.machinetypes.values() if eligible(judged, one)), key=lambda one: keys(judged)[one.name]
    )
    size = judged.settings.processors_per_superslot
    unused = judged.capacity.processors - running_processors(judged)
    held = defaultdict(int)
    for one in judged.machines:
        held[one.shutdown_time] += one.processors
    for end in sorted(end for end, processors in held.items() if processors % size):
        free = min(unused, size - held[end] % size)
        for one in order:
            if free >= one.min_processors and one.least_wallclock <= end - judged.now <= one.max_wallclock_seconds:
                return one.name, min(free, one.max_processors, size), end
    for one in order:
        if min(unused, size) >= one.min_processors:
            end = judged.now + one.max_wallclock_seconds
            # Vac 3 cut it to the factory's end in its next cycle; here it is told that at once.
            return one.name, min(unused, one.max_processors, size), min(end, judged.shutdown_time or end)
    return None


@st.composite
def types(draw):
    made = []
    for number in range(draw(st.integers(1, 4))):
        least = draw(st.integers(1, 5))
        longest = draw(st.integers(600, 90_000))
        made.append(
            machinetype(
                f"t{number}",
                target_share=draw(st.sampled_from([0.5, 1.0, 3.0, 0.0])),
                machinegroup=draw(st.sampled_from([None, "g"])),
                min_processors=least,
                max_processors=draw(st.integers(least, 8)),
                max_wallclock_seconds=longest,
                min_wallclock_seconds=draw(st.none() | st.integers(60, longest)),
                backoff_seconds=draw(st.integers(0, 600)),
                fizzle_seconds=draw(st.integers(0, 600)),
            )
        )
    return made


@st.composite
def hosts(draw):
    made = draw(types())
    ends = draw(st.lists(st.integers(60, 90_000), min_size=1, max_size=3))
    machines = tuple(
        machine(
            slot,
            machinetype=made[0].name,
            processors=draw(st.integers(1, 4)),
            created=NOW - 5000,
            shutdown_time=NOW + HALF + draw(st.sampled_from(ends)),
        )
        for slot in range(draw(st.integers(0, 5)))
    )
    abort = st.integers(0, 1500).map(
        lambda ago: Abort(time=NOW - ago - HALF, factory="f", outcome=Outcome(300, "no work"))
    )
    totals = {
        one.name: TypeTotals(
            running_hs06=draw(st.floats(0, 1e4)),
            num_before_fizzle=draw(st.integers(0, 2)),
            last_abort=draw(st.none() | abort),
        )
        for one in made
    }
    return situation(
        made,
        machines=machines,
        totals=totals,
        capacity=Capacity(processors=draw(st.integers(4, 32)), load_averages=(draw(st.floats(0, 12)), 0.0, 0.0)),
        draining=draw(st.integers(0, 19)) == 19,
        shutdown_time=draw(st.none() | st.integers(-5_000, 200_000).map(lambda left: NOW + left + HALF)),
        settings=settings(
            processors_per_superslot=draw(st.integers(1, 8)),
            superslot_rule="vac3",
            policies=("vac3",),
            max_starting=999,
        ),
    )


@hypothesis_settings(max_examples=300, deadline=None)
@given(hosts())
def test_it_starts_what_vac_3_would_have_started(judged) -> None:
    scores = list(keys(judged).values())
    assume(len(set(scores)) == len(scores))  # chance settles ties
    made = plan(judged, [Vac3()], random.Random(1))
    started = [(one.machinetype, one.processors, one.shutdown_time) for one in made.starts]
    expected = upstream(judged)
    assert started == ([] if expected is None else [expected])
