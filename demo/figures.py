"""The figures of a run, from the journals and the queues, and whatever in them must not be so."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from demo.lives import Life, Span, faults, lives, percentile, shares, turnarounds
from demo.run import Run
from demo.story import KILLED, ORGANISATIONS, targets
from demo.tasks import TaskQueue
from vac_core.factory.history import read

_ALL: Final = 1_000_000


@attrs.frozen(kw_only=True)
class Figures:
    """What a run came to."""

    seconds: float
    begun: float
    lives: tuple[Life, ...]
    targets: Mapping[str, float]
    achieved: Mapping[str, float]
    achieved_supplied: Mapping[str, float]
    """The shares while every VO had work."""
    tasks: Mapping[str, Mapping[str, int]]
    turnarounds: tuple[float, ...]
    records: Mapping[str, int]
    adoption: Mapping[str, int]
    problems: tuple[str, ...]

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How machines ended, by the code of their shutdown message."""
        return Counter(life.code if life.ended is not None else "alive" for life in self.lives)

    def as_json(self) -> dict[str, Any]:
        """The figures as a JSON document."""
        document = attrs.asdict(self, filter=lambda attribute, _: attribute.name not in {"lives", "turnarounds"})
        document["machines"] = {"made": len(self.lives), "outcomes": dict(self.outcomes)}
        document["turnaround_seconds"] = summary(self.turnarounds)
        return document


def summary(values: Sequence[float]) -> dict[str, float]:
    """How many there are, their median and their ninetieth percentile."""
    if not values:
        return {"n": 0}
    return {"n": len(values), "median": statistics.median(values), "p90": percentile(values, 90)}


def figures(run: Run, left: int) -> Figures:
    """Read the journals of a run that has ended; ``left`` is the count of processes that could not be ended."""
    journals = {name: read(one.place.state_dir / "journal.sqlite", limit=_ALL) for name, one in run.daemons.items()}
    all_lives = tuple(life for name, events in journals.items() for life in lives(name, events))
    until = run.begun_unix + run.story.seconds
    longest = max(run.story.wallclock_seconds(one) for one in ORGANISATIONS)
    supplied = run.story.all_supplied(settle_seconds=longest / 2)
    adoption, lost = _adoption(run, all_lives)
    problems = [fault for name, events in journals.items() for fault in faults(name, events)]
    problems += [fault for queue in run.queues.queues.values() for fault in _queue_faults(queue)]
    problems += [f"{KILLED}: machine {one} was lost with the daemon" for one in lost]
    problems += [f"{left} processes could not be ended"] if left else []
    return Figures(
        seconds=run.story.seconds,
        begun=run.begun_unix,
        lives=all_lives,
        targets=targets(),
        achieved=shares(all_lives, [(run.begun_unix, until)], until),
        achieved_supplied=shares(all_lives, _moved(supplied, run.begun_unix), until),
        tasks={name: attrs.asdict(queue.tally) for name, queue in run.queues.queues.items()},
        turnarounds=tuple(turnarounds(one for one in all_lives if one.created < until)),
        records={name: len(events) for name, events in journals.items()},
        adoption=adoption,
        problems=tuple(problems),
    )


def _moved(spans: Iterable[Span], by: float) -> list[Span]:
    return [(begin + by, end + by) for begin, end in spans]


def _adoption(run: Run, all_lives: Iterable[Life]) -> tuple[dict[str, int], frozenset[str]]:
    """What became of the killed factory's machines, and those of which nothing is known."""
    before, after = run.adoption.before, run.adoption.after
    ended = {life.id for life in all_lives if life.ended is not None}
    counts = {
        "machines_before": len(before),
        "went_on_without_daemon": run.adoption.survived_unwatched,
        "adopted": len(before & after),
        "ended_meanwhile": len(before - after),
    }
    return counts, before - after - ended


def _queue_faults(queue: TaskQueue) -> list[str]:
    """Where a queue's counts do not add up: a task done twice, or a lease that is neither done nor over."""
    tally = queue.tally
    over = tally.done + tally.returned + tally.expired
    found = []
    if len(queue.done) != tally.done:
        found.append(f"{queue.name}: {tally.done} answers were taken for {len(queue.done)} tasks")
    if len(set(queue.done.values())) != tally.done:
        found.append(f"{queue.name}: a lease was finished more than once")
    if tally.leases != over + queue.out:
        found.append(f"{queue.name}: {tally.leases} leases were given, and {over} are over with {queue.out} out")
    return found
