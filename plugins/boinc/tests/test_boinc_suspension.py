"""Whether the owner wants the host: BOINC's order of reasons, its waits, and the limits on what is lent."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.preferences import Preferences
from vac_boinc.reasons import Suspended
from vac_boinc.suspension import EXCLUSIVE_WAIT_SECONDS, HostState, Standing, Waits, step, wanted

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
ALL = {"on_batteries": True, "idle_seconds": 0.0, "exclusive_app": "game", "others_percent": 100.0}


def host(**changes: Any) -> HostState:
    return HostState(**{"time": 0.0, "moment": NOON, **changes})


@pytest.mark.parametrize(
    ("lifted", "reason"),
    [
        ({}, Suspended.BATTERIES),
        ({"run_on_batteries": True}, Suspended.USER_ACTIVE),
        ({"run_if_user_active": True}, Suspended.TIME_OF_DAY),
        ({"start_hour": 0.0, "end_hour": 0.0}, Suspended.EXCLUSIVE_APP_RUNNING),
    ],
)
def test_the_first_reason_in_boincs_order_counts(lifted: dict[str, Any], reason: Suspended) -> None:
    order: list[dict[str, Any]] = [
        {}, {"run_on_batteries": True}, {"run_if_user_active": True}, {"start_hour": 0.0, "end_hour": 0.0}
    ]  # fmt: skip
    prefs: dict[str, Any] = {"run_if_user_active": False, "start_hour": 22.0, "end_hour": 6.0}
    for one in order[: order.index(lifted) + 1]:
        prefs |= one
    assert wanted(Preferences(**prefs), host(**ALL)) is reason


@pytest.mark.parametrize(
    ("prefs", "found", "reason"),
    [
        ({}, {}, None),
        ({}, {"on_batteries": True}, Suspended.BATTERIES),
        ({"run_if_user_active": False}, {"idle_seconds": 179.0}, Suspended.USER_ACTIVE),
        ({"run_if_user_active": False}, {"idle_seconds": 180.0}, None),
        ({"run_if_user_active": False}, {"idle_seconds": None}, None),
        ({}, {"idle_seconds": 0.0}, None),
        ({"suspend_if_no_recent_input": 60.0}, {"idle_seconds": 3601.0}, Suspended.NO_RECENT_INPUT),
        ({"suspend_if_no_recent_input": 60.0}, {"idle_seconds": None}, None),
        ({}, {"others_percent": 26.0}, Suspended.CPU_USAGE),
        ({}, {"others_percent": 25.0}, None),
        ({"suspend_cpu_usage": 0.0}, {"others_percent": 100.0}, None),
        ({"niu_suspend_cpu_usage": 50.0}, {"others_percent": 40.0}, None),
        ({"niu_suspend_cpu_usage": 50.0}, {"others_percent": 40.0, "idle_seconds": 1.0}, Suspended.CPU_USAGE),
    ],
)
def test_each_preference_by_itself(prefs: dict[str, Any], found: dict[str, Any], reason: Suspended | None) -> None:
    assert wanted(Preferences(**prefs), host(**found)) is reason


def after(*seen: tuple[float, Suspended | None], waits: Waits | None = None) -> Standing:
    standing = Standing()
    for when, found in seen:
        standing = step(standing, found, when, waits or Waits())
    return standing


BUSY, USED = Suspended.CPU_USAGE, Suspended.USER_ACTIVE


def test_busy_processors_must_be_free_for_a_while_before_machines_go_on() -> None:
    assert after((0, BUSY), (10, None)).reason is BUSY
    assert after((0, BUSY), (10, BUSY), (25, None)).reason is BUSY
    assert after((0, BUSY), (20, None)).reason is None


def test_an_owner_who_leaves_gives_the_host_back_at_once() -> None:
    assert after((0, USED), (1, None)) == Standing(since=1)


def test_an_exclusive_program_is_waited_for() -> None:
    assert after((0, Suspended.EXCLUSIVE_APP_RUNNING), (EXCLUSIVE_WAIT_SECONDS - 1, None)).reason is not None
    assert after((0, Suspended.EXCLUSIVE_APP_RUNNING), (EXCLUSIVE_WAIT_SECONDS, None)).reason is None


def test_with_grace_a_short_burst_suspends_nothing() -> None:
    grace = Waits(grace=30)
    assert after((0, BUSY), (29, BUSY), (30, None), (31, BUSY), waits=grace).reason is None
    assert after((0, BUSY), (30, BUSY), waits=grace).reason is BUSY
    assert after((0, USED), waits=grace).reason is USED


def test_one_reason_after_the_other_is_one_suspension() -> None:
    assert after((0, USED), (10, BUSY)) == Standing(reason=BUSY, since=0, last_seen=10)


@given(
    st.lists(st.tuples(st.floats(0, 100), st.none() | st.sampled_from(list(Suspended))), min_size=1),
    st.floats(0, 60),
    st.floats(0, 60),
)
def test_machines_never_run_while_a_reason_other_than_busy_holds_and_never_stay_held_for_ever(
    seen: list[tuple[float, Suspended | None]], grace: float, resume: float
) -> None:
    waits, now, standing = Waits(grace=grace, resume=resume), 0.0, Standing()
    for lapse, found in seen:
        now += lapse
        standing = step(standing, found, now, waits)
        if found not in {None, BUSY}:
            assert standing.reason is found
        assert standing.since <= now
    assert step(standing, None, now + max(resume, EXCLUSIVE_WAIT_SECONDS) + 1, waits).reason is None


def test_a_clock_that_is_set_back_holds_nothing_for_long() -> None:
    assert after((1000, BUSY), (0, None)).reason is None


@pytest.mark.parametrize(("percent", "most"), [(0, 8), (50, 4), (1, 1), (100, 8), (30, 2)])
def test_processors_that_are_lent(percent: float, most: int) -> None:
    assert Preferences(max_ncpus_pct=percent).processors(8, in_use=True) == most


def test_memory_and_disk_that_are_lent() -> None:
    prefs = Preferences()
    assert prefs.memory_bytes(1000, in_use=True) == 500
    assert prefs.memory_bytes(1000, in_use=False) == 900
    assert Preferences(ram_max_used_busy_pct=0).memory_bytes(1000, in_use=True) == 1000
    whole = 100 * 10**9
    assert prefs.disk_bytes(whole=whole, free=whole, used=0) == 90 * 10**9
    assert prefs.disk_bytes(whole=whole, free=10**9, used=10**9) == int(1.9e9)
    assert Preferences(disk_max_used_gb=5).disk_bytes(whole=whole, free=whole, used=0) == 5 * 10**9
    assert Preferences(disk_min_free_gb=7).disk_bytes(whole=whole, free=10**9, used=0) == 0


@pytest.mark.parametrize(("limit", "part"), [(100, None), (0, None), (40, 0.4), (99.995, None)])
def test_a_part_of_the_processors_time(limit: float, part: float | None) -> None:
    assert Preferences(cpu_usage_limit=limit).part_of_time(in_use=True) == part
