"""Hours in which a host may compute: BOINC's table of windows, days of the week, and when they open and close."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.windows import DayWindow, Week, Window, wall_clock

HOURS = st.integers(0, 24 * 4).map(lambda quarters: quarters / 4)
WINDOWS = st.builds(Window, HOURS, HOURS)
MOMENTS = st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 12, 1)).map(lambda one: one.replace(microsecond=0))  # noqa: DTZ001 - any local time


@pytest.mark.parametrize(
    ("window", "open_at", "shut_at"),
    [
        (Window(0, 0), (0, 12, 23.9), ()),
        (Window(7, 7), (0, 7, 23.9), ()),
        (Window(0, 24), (0, 12, 23.9), ()),
        (Window(24, 0), (), (0, 12, 23.9)),
        (Window(8, 18), (8, 12, 18), (7.9, 18.1, 0, 23)),
        (Window(22, 6), (22, 23.9, 0, 5.9), (6, 12, 21.9)),
    ],
)
def test_boincs_table_of_windows(window: Window, open_at: tuple[float, ...], shut_at: tuple[float, ...]) -> None:
    assert [hour for hour in open_at if not window.open(hour)] == []
    assert [hour for hour in shut_at if window.open(hour)] == []


@pytest.fixture
def central_europe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host whose clocks are set back in the night to 2026-10-25, at 01:00 UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("central_europe")
def test_a_window_ends_by_the_clock_on_the_wall_also_in_the_night_in_which_it_is_set() -> None:
    evening = at("2026-10-24T20:00+00:00").timestamp()
    assert wall_clock(evening).hour == 22
    closes = Week(Window(18, 8)).closes(wall_clock(evening))
    assert closes is not None
    assert closes.timestamp() == at("2026-10-25T07:00+00:00").timestamp()


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_a_day_of_its_own_takes_the_place_of_the_usual_window() -> None:
    week = Week(Window(22, 6), (DayWindow(0, Window(0, 24)), DayWindow(6, Window(24, 0))))
    sunday, saturday, monday = at("2026-11-29T12:00"), at("2026-11-28T23:00"), at("2026-11-30T12:00")
    assert (week.open(sunday), week.open(saturday), week.open(monday)) == (True, False, False)
    assert week.closes(sunday) == at("2026-11-30T06:00")
    assert week.opens(monday) == at("2026-11-30T22:00")


def test_one_that_is_always_open_never_closes_and_one_that_is_never_open_never_opens() -> None:
    assert Week(Window(0, 0)).closes(at("2026-11-26T12:00")) is None
    assert Week(Window(24, 0)).opens(at("2026-11-26T12:00")) is None


@given(WINDOWS, st.dictionaries(st.integers(0, 6), WINDOWS), MOMENTS)
def test_until_it_closes_it_is_open_and_just_after_it_is_not(
    usual: Window, days: dict[int, Window], moment: dt.datetime
) -> None:
    week = Week(usual, tuple(DayWindow(day, one) for day, one in days.items()))
    if not week.open(moment):
        return
    closes = week.closes(moment)
    if closes is None:
        return
    assert closes > moment
    assert not week.open(closes + dt.timedelta(seconds=1))
    between = moment + (closes - moment) / 2
    assert week.open(between)


@given(WINDOWS, MOMENTS)
def test_when_it_opens_it_is_open_and_until_then_it_is_not(usual: Window, moment: dt.datetime) -> None:
    week = Week(usual)
    opens = week.opens(moment)
    if week.open(moment) or opens is None:
        return
    assert week.open(opens)
    assert not week.open(moment + (opens - moment) / 2)


def test_days_are_written_as_they_are_read() -> None:
    assert str(DayWindow(6, Window(8, 22.5))) == "sat:8-22.5"
