from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.cli.times import moment, shown_moment, shown_span, span

NOW = 1_800_000_000.5
MOMENTS = st.floats(min_value=1e9, max_value=4e9)


@pytest.fixture(autouse=True, scope="module")
def _a_zone_without_summer_time() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("2h30m", 9000), ("1d", 86400), ("+5m", 300), ("0s", 0)])
def test_spans_are_read(text: str, seconds: float) -> None:
    assert span(text) == seconds
    assert moment(text, NOW) == NOW + seconds
    assert moment(text, NOW, past=True) == NOW - seconds


@pytest.mark.parametrize(
    "text", ["", "+", "h", "2", "2w", "-5m", "5m2h", "1.5h", "soon", "25:00", "2026-13-01", "12:60"]
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write one such as"):
        moment(text, NOW)
    with pytest.raises(ValueError, match="write one such as"):
        span(text)


def test_unix_seconds_and_dates_are_read() -> None:
    assert moment("1800000000", NOW) == 1_800_000_000.0
    assert moment("2026-01-31 18:30", NOW) == datetime(2026, 1, 31, 18, 30).astimezone().timestamp()
    assert moment("2026-01-31", NOW) == datetime(2026, 1, 31).astimezone().timestamp()
    assert moment("2026-01-31T18:30+00:00", NOW) == 1769884200.0


@given(now=MOMENTS, hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_a_time_of_day_is_the_next_such_or_the_last(now: float, hour: int, minute: int) -> None:
    text = f"{hour:02}:{minute:02}"
    following, before = moment(text, now), moment(text, now, past=True)
    assert before <= now < following
    for one in (following, before):
        assert time.strftime("%H:%M", time.localtime(one)) == text
        assert abs(one - now) <= 90000


@given(now=st.integers(10**9, 4 * 10**9))
def test_a_moment_that_is_shown_can_be_given_back(now: int) -> None:
    assert moment(shown_moment(now), 0.0) == now


@given(st.text(max_size=12))
def test_any_text_is_a_moment_or_a_value_error(text: str) -> None:
    try:
        assert isinstance(moment(text, NOW), float)
    except ValueError as error:
        assert "write one such as" in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0s"), (59.9, "59s"), (60, "1m 00s"), (7500, "2h 05m"), (90000, "1d 01h"), (-5, "0s")],
)
def test_spans_are_shown_in_two_units(seconds: float | None, text: str) -> None:
    assert shown_span(seconds) == text


def test_no_moment_is_a_dash() -> None:
    assert shown_moment(None) == "-"
    assert shown_moment(1e30) == "-"
