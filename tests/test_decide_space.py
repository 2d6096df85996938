"""Decisions in a simulated space: factories that know of each other only what they report, on virtual time."""

import heapq
import itertools
import random
from collections import Counter

import attrs
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vac_core.builtin.policies import Backoff, HostLimits, TargetShares
from vac_core.decide.ends import final_outcome
from vac_core.decide.plan import plan
from vac_core.decide.reports import own_report
from vac_core.decide.totals import tally
from vac_core.model import Capacity, MachineState
from vac_core.situation import Situation
from vac_core.testing.makers import machine, machinetype, settings

HOUR = 3600.0
POLICIES = (HostLimits(), Backoff(), TargetShares())


class Space:
    """Factories that decide when one of their machines ends and each minute; machines live as `life` says."""

    def __init__(self, types, life, *, factories=1, processors=16, seed=1, **about):
        self.types = {one.name: one for one in types}
        self.life = life
        self.random = random.Random(seed)
        self.processors = processors
        self.settings = settings(**about)
        self.machines = [{} for _ in range(factories)]
        self.ends = [{} for _ in range(factories)]
        self.ticket = itertools.count()
        self.agenda = [(60.0 * n / factories, next(self.ticket), n, None) for n in range(factories)]
        self.now = 0.0
        self.started = []
        self.hours = Counter()
        self.without_work = set()
        self.wasted = 0

    def run(self, hours):
        """Let time pass."""
        until = self.now + hours * HOUR
        while self.agenda[0][0] <= until:
            when, _, factory, ending = heapq.heappop(self.agenda)
            self._pass_time(when)
            if ending is None:
                heapq.heappush(self.agenda, (when + 60.0, next(self.ticket), factory, None))
            else:
                self._end(factory, ending)
            self._decide(factory)
        self._pass_time(until)

    def _pass_time(self, when):
        for running in self.machines:
            for one in running.values():
                self.hours[one.machinetype] += one.processors * (when - self.now) / HOUR
        self.now = when

    def _end(self, factory, machine_id):
        gone = self.machines[factory].pop(machine_id)
        message = b"300 No more work" if gone.machinetype in self.without_work else b"200 Done"
        self.wasted += message.startswith(b"300")
        outcome = final_outcome(gone, self.types[gone.machinetype], message, 0, "", None, self.now)
        self.ends[factory][gone.machinetype] = attrs.evolve(gone, ended=self.now, outcome=outcome)

    def _reports(self):
        return [
            own_report(f"f{n}", self.types, running.values(), self.ends[n], self.now, self.settings)
            for n, running in enumerate(self.machines)
        ]

    def _decide(self, factory):
        alive = tuple(self.machines[factory].values())
        situation = Situation(
            now=self.now,
            factory=f"f{factory}",
            settings=self.settings,
            machinetypes=self.types,
            machines=alive,
            totals=tally(self._reports(), self.now),
            capacity=Capacity(processors=self.processors),
        )
        for start in plan(situation, POLICIES, self.random).starts:
            self._start(factory, start)
        assert sum(one.processors for one in self.machines[factory].values()) <= self.processors

    def _start(self, factory, start):
        made = machine(
            machinetype=start.machinetype,
            processors=start.processors,
            state=MachineState.RUNNING,
            created=self.now,
            started=self.now,
            shutdown_time=start.shutdown_time,
        )
        lasts = 5.0 if start.machinetype in self.without_work else self.life(self.random)
        self.machines[factory][made.id] = made
        self.started.append((self.now, start.machinetype))
        end = min(self.now + lasts, start.shutdown_time)
        heapq.heappush(self.agenda, (end, next(self.ticket), factory, made.id))

    def shares(self):
        """Each machinetype's part of the processor-hours so far."""
        return {name: self.hours[name] / self.hours.total() for name in self.types}


def some_hours(source):
    return min(24 * HOUR, 600.0 + source.expovariate(1 / (3 * HOUR)))


def test_factories_that_only_hear_of_each_other_divide_the_space_by_target_shares() -> None:
    vos = [machinetype(name, target_share=share) for name, share in (("a", 5.0), ("b", 3.0), ("c", 2.0))]
    space = Space(vos, some_hours, factories=3, processors=16)
    space.run(24)
    assert space.shares() == pytest.approx({"a": 0.5, "b": 0.3, "c": 0.2}, abs=0.02)
    assert space.hours.total() > 0.999 * 3 * 16 * 24


def test_a_vo_without_work_leaves_its_share_to_the_others_and_wastes_few_starts() -> None:
    vos = [machinetype(name, backoff_seconds=600, fizzle_seconds=300) for name in ("busy", "dry")]
    space = Space(vos, some_hours, factories=3, processors=8)
    space.without_work = {"dry"}
    space.run(12)
    assert space.shares()["busy"] > 0.99
    assert space.wasted < 3 * 8 + 12 * HOUR / 600
    space.without_work = set()
    space.run(24)
    assert sum(one.machinetype == "dry" for running in space.machines for one in running.values()) == 12


def test_a_large_machinetype_keeps_its_share_among_small_ones() -> None:
    types = [
        machinetype("large", min_processors=8, max_processors=8, target_share=0.5),
        machinetype("small", target_share=0.5, min_wallclock_seconds=1800),
    ]
    space = Space(types, some_hours, processors=32, processors_per_superslot=8)
    space.types = {"small": types[1]}
    space.run(12)
    space.types = {one.name: one for one in types}
    space.hours.clear()
    space.run(48)
    assert space.shares()["large"] == pytest.approx(0.5, abs=0.1)
    assert space.hours.total() > 0.97 * 32 * 48


@hypothesis_settings(max_examples=25, deadline=None)
@given(
    size=st.integers(2, 8),
    least=st.none() | st.integers(300, 7200),
    mean=st.floats(0.05, 30.0),
    seed=st.integers(0, 1000),
)
def test_a_machinetype_whose_turn_it_is_starts_within_the_longest_life_of_the_others(size, least, mean, seed) -> None:
    small = machinetype("small", min_wallclock_seconds=least, max_wallclock_seconds=6 * 3600)
    large = machinetype("large", min_processors=size, max_processors=size)
    space = Space(
        [small],
        lambda source: 60.0 + source.expovariate(1 / (mean * HOUR)),
        processors=8,
        seed=seed,
        processors_per_superslot=8,
    )
    space.run(7)
    space.types["large"] = large
    space.run(6.02)
    assert "large" in {name for _, name in space.started}
