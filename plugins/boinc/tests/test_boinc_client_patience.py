"""How long a client's machine waits for what does not come."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.inside.patience import Patience


def waited(patience: Patience, *turns: tuple[float, int]) -> Patience:
    for now, seen in turns:
        patience = patience.turned(now, seen)
    return patience


def test_it_ends_when_nothing_came_for_too_long() -> None:
    at_its_end = waited(Patience(90), (1000, 0), (1050, 0), (1090, 0))
    assert not at_its_end.over
    assert waited(at_its_end, (1091, 0)).over


def test_what_comes_gives_it_all_of_its_time_again() -> None:
    assert not waited(Patience(90), (1000, 0), (1050, 0), (1080, 1), (1130, 1), (1160, 1)).over
    assert waited(Patience(90), (1000, 0), (1050, 0), (1080, 1), (1130, 1), (1171, 1)).over


def test_time_in_which_the_machine_was_held_does_not_count() -> None:
    assert not waited(Patience(90), (1000, 0), (1050, 0), (9000, 0), (9010, 0)).over


@given(st.lists(st.floats(0, 1e6), min_size=2).map(sorted))
def test_it_never_ends_without_a_limit(times: list[float]) -> None:
    assert not waited(Patience(0), *((now, 0) for now in times)).over


@given(st.lists(st.floats(0, 1e6), min_size=2).map(sorted), st.floats(1, 1e6))
def test_it_never_ends_before_its_limit(times: list[float], limit: float) -> None:
    steps = [later - now for now, later in pairwise(times)]
    assert waited(Patience(limit), *((now, 0) for now in times)).over <= (sum(steps) > limit)
