"""How long a full decision takes: the tally of all peers' reports, and the plan that fills an empty host."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence

from benchmarks.table import Row
from vac_core.builtin.policies.backoff import Backoff
from vac_core.builtin.policies.host_limits import HostLimits
from vac_core.builtin.policies.target_shares import TargetShares
from vac_core.config.schema import MachineType, Settings
from vac_core.decide.plan import plan
from vac_core.decide.totals import tally
from vac_core.model import Capacity, FactoryReport, Outcome, TypeReport
from vac_core.situation import Situation

SLOTS = 64
TYPES = 20
NOW = 1_700_000_000.0
_NAMES = [f"type-{number:02}" for number in range(TYPES)]
_POLICIES = (HostLimits(), Backoff(), TargetShares())


def run() -> Iterator[Row]:
    """A plan from 1000 and from 10 000 peers' reports, and the part of it that the tally takes."""
    for peers, runs, target in ((1_000, 30, "under 50 ms"), (10_000, 10, "")):
        reports = _reports(peers)
        _decide(reports)
        yield Row(
            what=f"decision: {SLOTS} free slots, {TYPES} machinetypes, {peers} peers",
            unit="ms",
            samples=[_milliseconds(reports, whole=True) for _ in range(runs)],
            target=target,
        )
        yield Row(
            what=f"  of which the tally of {peers} peers' reports",
            unit="ms",
            samples=[_milliseconds(reports, whole=False) for _ in range(runs)],
        )


def _milliseconds(reports: Sequence[FactoryReport], *, whole: bool) -> float:
    begun = time.perf_counter()
    if whole:
        _decide(reports)
    else:
        tally(reports, NOW)
    return (time.perf_counter() - begun) * 1000.0


def _decide(reports: Sequence[FactoryReport]) -> None:
    made = plan(_situation(reports), _POLICIES, random.Random(1))
    if len(made.starts) != SLOTS:
        raise RuntimeError(f"the plan fills {len(made.starts)} of {SLOTS} slots: what is measured is not a full plan")


def _situation(reports: Sequence[FactoryReport]) -> Situation:
    return Situation(
        now=NOW,
        factory="wn01.example.org",
        settings=Settings(vac_space="vac01.example.org"),
        machinetypes={
            name: MachineType(name=name, target_share=1.0 + number, machinegroup=f"group-{number % 7}")
            for number, name in enumerate(_NAMES)
        },
        totals=tally(reports, NOW),
        factories_heard=len(reports),
        capacity=Capacity(processors=SLOTS),
    )


def _reports(peers: int) -> list[FactoryReport]:
    """Peers that run a little of everything; one in ten machinetypes' latest machines found no work long ago."""
    source = random.Random(7)
    return [
        FactoryReport(
            factory=f"wn{peer:05}.example.org",
            received=NOW,
            types={name: _type_report(name, source) for name in _NAMES},
        )
        for peer in range(peers)
    ]


def _type_report(name: str, source: random.Random) -> TypeReport:
    running = source.randrange(0, 4)
    code = 300 if source.random() < 0.1 else 200
    return TypeReport(
        machinetype=name,
        running_hs06=running * 10.0,
        running_machines=running,
        num_before_fizzle=0,
        outcome=Outcome(code, "Ended"),
        shutdown_time=NOW - source.uniform(5_000.0, 90_000.0),
    )
