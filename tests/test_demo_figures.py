"""The demo's figures follow from the journals and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from demo.lives import faults, lives, percentile, processor_seconds, shares, turnarounds
from demo.story import ORGANISATIONS, Story, targets


def machine(number: int, *, slot: int = 0, machinetype: str = "astro", **about: Any) -> dict[str, Any]:
    times = {"created": 0.0, "started": None, "ended": None}
    return (
        {"id": f"m{number}", "slot": slot, "machinetype": machinetype, "processors": 1, "outcome": None} | times | about
    )


def event(what: str, of: dict[str, Any] | None) -> dict[str, Any]:
    return {"what": what, "machine": of}


def test_a_life_is_what_the_latest_event_shows() -> None:
    events = [
        event("planned", machine(1)),
        event("draining", None),
        event("gone", machine(1, started=1.0, ended=5.0, outcome="200 Intended work completed ok")),
    ]
    (life,) = lives("wn1", events)
    assert (life.organisation, life.started, life.ended, life.code) == ("astro", 1.0, 5.0, "200")
    assert faults("wn1", events) == []


def test_a_machine_that_ended_twice_is_a_fault() -> None:
    events = [event("planned", machine(1)), event("gone", machine(1)), event("gone", machine(1))]
    assert faults("wn1", events) == ["wn1: machine m1 has the records planned, gone, gone"]


def test_shares_count_only_what_lies_within_the_windows() -> None:
    events = [
        event("gone", machine(1, started=0.0, ended=10.0)),
        event("gone", machine(2, slot=1, machinetype="bio", started=5.0, ended=20.0)),
        event("seen_running", machine(3, slot=2, machinetype="climate-agent", started=9.0)),
    ]
    some = lives("wn1", events)
    assert processor_seconds(some, [(0.0, 10.0)], until=30.0) == {"astro": 10.0, "bio": 5.0, "climate": 1.0}
    assert shares(some, [(10.0, 20.0)], until=30.0) == {"astro": 0.0, "bio": 0.5, "climate": 0.5}
    assert shares([], [(0.0, 1.0)], until=1.0) == {}


def test_turnaround_is_from_one_end_to_the_next_start_in_the_same_slot() -> None:
    events = [
        event("gone", machine(1, created=0.0, started=0.1, ended=5.0)),
        event("gone", machine(2, created=5.0, started=5.25, ended=9.0)),
        event("gone", machine(3, slot=1, created=6.0, started=6.5, ended=9.0)),
        event("planned", machine(4, created=9.0)),
    ]
    assert turnarounds(lives("wn1", events)) == [0.25]


def test_percentiles_of_one_and_of_many_values() -> None:
    assert percentile([3.0], 90) == 3.0
    assert percentile([float(number) for number in range(101)], 90) == pytest.approx(90.0)


def test_the_times_when_all_had_work_leave_out_dry_queues_and_what_follows_them() -> None:
    story = Story(seconds=100.0)
    spans = story.all_supplied(settle_seconds=4.0)
    assert spans
    for begin, end in spans:
        for at in (begin, (begin + end) / 2, end - 0.01):
            assert not any(story.is_dry(organisation, at) for organisation in ORGANISATIONS)
    assert sum(targets().values()) == pytest.approx(1.0)
    assert story.killed_at < story.restarted_at < story.seconds
