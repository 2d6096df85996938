"""A VO's task queue gives each task away until it is done once, whatever machines do with their leases."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.site import AGENT
from demo.tasks import TaskQueue, Verdict, is_answer


def agent() -> ModuleType:
    """The job agent as a module: what it is before Vac fills it in."""
    spec = importlib.util.spec_from_file_location("demo_agent", AGENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(task: str) -> str:
    solved: str = agent().solve(task)[0]
    return solved


def test_the_agent_finds_what_a_task_asks_for() -> None:
    assert is_answer("astro-1", answer("astro-1"))
    assert not is_answer("astro-1", "no number")


def test_a_lease_that_is_finished_cannot_be_finished_again() -> None:
    queue = TaskQueue("astro", lease_seconds=10)
    queue.add(1)
    lease = queue.lease("m1", now=0)
    assert lease is not None
    right = answer(lease.task)
    assert queue.finish(lease.id, "wrong", now=1) is Verdict.WRONG
    assert queue.finish(lease.id, right, now=1) is Verdict.DONE
    assert queue.finish(lease.id, right, now=1) is Verdict.NO_LEASE
    assert (queue.tally.done, queue.tally.refused) == (1, 2)


def test_a_task_whose_lease_ran_out_is_done_by_another_machine_and_only_by_it() -> None:
    queue = TaskQueue("astro", lease_seconds=10)
    queue.add(1)
    first = queue.lease("m1", now=0)
    assert queue.lease("m2", now=9) is None
    second = queue.lease("m2", now=10)
    assert first is not None
    assert second is not None
    assert second.task == first.task
    right = answer(first.task)
    assert queue.finish(first.id, right, now=11) is Verdict.NO_LEASE
    assert queue.finish(second.id, right, now=11) is Verdict.DONE
    assert queue.done == {first.task: second.id}


def test_a_queue_that_is_closed_takes_answers_and_gives_nothing() -> None:
    queue = TaskQueue("astro", lease_seconds=10)
    queue.add(2)
    lease = queue.lease("m1", now=0)
    queue.closed = True
    assert queue.lease("m1", now=1) is None
    assert lease is not None
    assert queue.finish(lease.id, answer(lease.task), now=1) is Verdict.DONE


steps = st.lists(st.tuples(st.sampled_from(["lease", "finish", "give back", "wait"]), st.integers(0, 5)), max_size=60)


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    return {f"vo-{number}": answer(f"vo-{number}") for number in range(1, 6)}


@given(steps=steps)
def test_whatever_machines_do_no_task_is_done_twice_or_lost(
    answers: dict[str, str], steps: list[tuple[str, int]]
) -> None:
    queue = TaskQueue("vo", lease_seconds=3)
    queue.add(5)
    now = 0.0
    leases = []
    for what, which in steps:
        if what == "lease":
            leases += filter(None, [queue.lease("m", now)])
        elif what == "wait":
            now += which
        elif leases:
            lease = leases[which % len(leases)]
            if what == "finish":
                queue.finish(lease.id, answers[lease.task], now)
            else:
                queue.give_back(lease.id)
    tally = queue.tally
    assert tally.done == len(queue.done) == len(set(queue.done.values()))
    assert tally.leases == tally.done + tally.returned + tally.expired + queue.out
    assert queue.waiting + queue.out + tally.done == 5
