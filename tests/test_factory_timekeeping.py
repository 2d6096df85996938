"""A clock that is set is told from time that passes, and machines' times go with it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.factory.timekeeping import JUMP_SECONDS, JumpWatch, shifted
from vac_core.model import MachineState
from vac_core.testing import NOW, VirtualClock, machine

TIMES = ("created", "shutdown_time", "started", "heartbeat", "stop_deadline", "ended")


def watch(clock: VirtualClock) -> JumpWatch:
    return JumpWatch(clock, clock.monotonic)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-JUMP_SECONDS + 1, JUMP_SECONDS - 1)), max_size=30))
def test_passing_time_and_drift_are_no_jumps(passes: list[tuple[float, float]]) -> None:
    clock = VirtualClock()
    jumps = watch(clock)
    for seconds, drift in passes:
        clock.advance(seconds)
        clock.jump(drift)
        assert jumps.jump() == 0.0


@pytest.mark.parametrize("seconds", [31.0, 3600.0, 1e9, -31.0, -86400.0])
def test_a_clock_that_is_set_is_noticed_once(seconds: float) -> None:
    clock = VirtualClock()
    jumps = watch(clock)
    clock.advance(1000)
    clock.jump(seconds)
    clock.advance(5)
    assert jumps.jump() == pytest.approx(seconds)
    assert jumps.jump() == 0.0
    clock.jump(-seconds)
    assert jumps.jump() == pytest.approx(-seconds)


def test_a_clock_that_is_set_and_set_back_between_two_looks_has_not_jumped() -> None:
    clock = VirtualClock()
    jumps = watch(clock)
    clock.jump(1e6)
    clock.jump(-1e6)
    assert jumps.jump() == 0.0


@given(
    st.floats(-1e9, 1e9),
    st.tuples(*[st.none() | st.floats(NOW - 1e6, NOW + 1e6) for _ in TIMES[2:]]),
    st.sampled_from(MachineState),
)
def test_every_time_of_a_machine_moves_by_the_same_and_nothing_else_does(
    seconds: float, times: tuple[float | None, ...], state: MachineState
) -> None:
    given_times: dict[str, Any] = dict(zip(TIMES[2:], times, strict=True))
    one = machine(state=state, cpu_seconds=60.0, **given_times)
    moved = shifted(one, seconds)
    for name in TIMES:
        before = getattr(one, name)
        assert getattr(moved, name) == (None if before is None else before + seconds)
    assert attrs.evolve(moved, **{name: getattr(one, name) for name in TIMES}) == one
