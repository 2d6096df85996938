"""What the factories' journals say of a run: the life of each machine, and the figures that follow from them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import attrs

from demo.story import organisation_of

Span = tuple[float, float]
Event = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Life:
    """One machine's life, in Unix seconds."""

    id: str
    factory: str
    slot: int
    organisation: str
    processors: int
    created: float
    started: float | None
    ended: float | None
    outcome: str

    @property
    def code(self) -> str:
        """The three digits of its shutdown message, if it has them."""
        return self.outcome[:3] if self.outcome[:3].isdigit() else ""


def lives(factory: str, events: Iterable[Event]) -> list[Life]:
    """Each machine of one factory's journal, as its latest event shows it."""
    latest = {event["machine"]["id"]: event["machine"] for event in events if event["machine"]}
    return [
        Life(
            id=machine["id"],
            factory=factory,
            slot=machine["slot"],
            organisation=organisation_of(machine["machinetype"]),
            processors=machine["processors"],
            created=machine["created"],
            started=machine["started"],
            ended=machine["ended"],
            outcome=machine["outcome"] or "",
        )
        for machine in latest.values()
    ]


def faults(factory: str, events: Sequence[Event]) -> list[str]:
    """What must never stand in a journal: a machine that was planned or ended twice, or ended without a plan."""
    found = []
    machines = {event["machine"]["id"] for event in events if event["machine"]}
    for machine in sorted(machines):
        happened = [event["what"] for event in events if event["machine"] and event["machine"]["id"] == machine]
        ends = sum(what in {"gone", "creation_failed"} for what in happened)
        if happened.count("planned") != 1 or ends > 1:
            found.append(f"{factory}: machine {machine} has the records {', '.join(happened)}")
    return found


def processor_seconds(all_lives: Iterable[Life], windows: Iterable[Span], until: float) -> dict[str, float]:
    """What each VO had of the space within some spans of time."""
    spent: dict[str, float] = {}
    spans = list(windows)
    for life in all_lives:
        if life.started is None:
            continue
        ended = until if life.ended is None else life.ended
        inside = sum(max(0.0, min(ended, end) - max(life.started, begin)) for begin, end in spans)
        spent[life.organisation] = spent.get(life.organisation, 0.0) + inside * life.processors
    return spent


def shares(all_lives: Iterable[Life], windows: Iterable[Span], until: float) -> dict[str, float]:
    """Each VO's part of what all had; empty where nothing ran."""
    spent = processor_seconds(all_lives, windows, until)
    whole = sum(spent.values())
    return {name: one / whole for name, one in spent.items()} if whole > 0 else {}


def turnarounds(all_lives: Iterable[Life]) -> list[float]:
    """Seconds from a machine's end to the moment when the next one in its slot runs, for each that had a next."""
    slots: dict[tuple[str, int], list[Life]] = {}
    for life in sorted(all_lives, key=lambda one: one.created):
        slots.setdefault((life.factory, life.slot), []).append(life)
    pairs = [pair for row in slots.values() for pair in pairwise(row)]
    return [
        after.started - before.ended
        for before, after in pairs
        if after.started is not None and before.ended is not None
    ]


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which so many in a hundred lie; needs at least one value."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
