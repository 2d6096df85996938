"""Machinetypes that cannot be made: held back for a growing while, or disabled until their options change."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st

from vac_core.factory.faults import FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS, Faults
from vac_core.testing import NOW, machinetype

LHCB = machinetype("lhcb")
CHANGED = attrs.evolve(LHCB, user_data="another")


def held_for(faults: Faults, now: float) -> float:
    hold = faults.holds(LHCB, now)
    assert hold is not None
    assert hold.until is not None
    return hold.until - now


def test_each_further_failure_doubles_the_wait_up_to_the_longest() -> None:
    faults, now, waits = Faults(), NOW, []
    for _ in range(12):
        faults.hold(LHCB, "no image", now)
        waits.append(held_for(faults, now))
        now += waits[-1]
        assert faults.holds(LHCB, now) is None
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600, 600]


@given(st.lists(st.floats(0, 2000), max_size=200))
def test_waits_stay_within_their_bounds_and_end(pauses: list[float]) -> None:
    faults, now = Faults(), NOW
    for pause in pauses:
        now += pause
        faults.hold(LHCB, "no image", now)
        assert 0 < held_for(faults, now) <= LONGEST_HOLD_SECONDS
        end = faults.next_end(now)
        assert end is not None
        assert end > now
        assert faults.holds(LHCB, end) is None


def test_machines_that_fail_together_count_as_one_failure() -> None:
    faults = Faults()
    for offset in range(9):
        faults.hold(LHCB, "no image", NOW + offset)
    assert held_for(faults, NOW) == FIRST_HOLD_SECONDS


def test_one_that_is_made_clears_the_count() -> None:
    faults = Faults()
    faults.hold(LHCB, "no image", NOW)
    faults.hold(LHCB, "no image", NOW + 10)
    faults.forgive("lhcb")
    faults.forgive("unknown")
    assert faults.holds(LHCB, NOW + 10) is None
    faults.hold(LHCB, "no image", NOW + 10)
    assert held_for(faults, NOW + 10) == FIRST_HOLD_SECONDS


def test_a_type_at_fault_stays_disabled_until_its_options_change() -> None:
    faults = Faults()
    faults.disable(LHCB, "its user_data is empty")
    hold = faults.holds(LHCB, NOW + 1e9)
    assert hold is not None
    assert (hold.reason, hold.until) == ("its user_data is empty", None)
    assert faults.next_end(NOW) is None
    assert faults.holds(CHANGED, NOW) is None
    assert faults.holds(LHCB, NOW) is None, "to change it back is to try it again"


def test_a_held_type_whose_options_change_is_tried_at_once() -> None:
    faults = Faults()
    faults.hold(LHCB, "no image", NOW)
    assert faults.holds(CHANGED, NOW) is None
    assert faults.next_end(NOW) is None


def test_a_type_at_fault_is_not_let_go_by_another_failure_of_its_machines() -> None:
    faults = Faults()
    faults.disable(LHCB, "its user_data is empty")
    faults.hold(LHCB, "docker is slow", NOW)
    hold = faults.holds(LHCB, NOW + LONGEST_HOLD_SECONDS)
    assert hold is not None
    assert hold.reason == "its user_data is empty"


def test_one_type_is_held_without_the_others() -> None:
    faults, other = Faults(), machinetype("atlas")
    faults.hold(LHCB, "no image", NOW)
    faults.hold(other, "no image", NOW + 5)
    faults.hold(other, "no image", NOW + 15)
    assert faults.holds(LHCB, NOW + 20) is None
    assert faults.holds(other, NOW + 20) is not None
    assert faults.next_end(NOW) == NOW + 10
    assert faults.next_end(NOW + 10) == NOW + 35


@given(st.floats(-1e7, 1e7))
def test_a_clock_that_is_set_makes_no_hold_longer_or_shorter(jump: float) -> None:
    faults, other = Faults(), machinetype("atlas")
    faults.hold(LHCB, "no image", NOW)
    faults.disable(other, "its user_data is empty")
    faults.shift(jump)
    assert abs(held_for(faults, NOW + jump) - FIRST_HOLD_SECONDS) < 1e-6
    assert faults.holds(LHCB, NOW + jump + FIRST_HOLD_SECONDS + 1e-6) is None
    assert faults.holds(other, NOW + jump) is not None
