"""Moments and spans of time, as people write and read them."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import click

_SPAN: Final = re.compile(r"\+?(?=\d)(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_UNIX: Final = re.compile(r"\d{9,11}")
_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def span(text: str) -> float:
    """Seconds of a span such as ``90s``, ``2h30m`` or ``1d``; raises `ValueError`."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a span of time: write one such as 90s, 2h30m or 1d")
    return float(sum(int(number) * unit for number, (_, unit) in zip(match.groups("0"), _UNITS, strict=True)))


def moment(text: str, now: float, *, past: bool = False) -> float:
    """Unix seconds of a moment in local time; raises `ValueError`.

    It is written as a time of day (``18:30``: the next such, or the last with ``past``), a date with or without a time
    (``2026-01-31``, ``2026-01-31 18:30``), Unix seconds, or a span from now (``2h``; back from now with ``past``).
    """
    text = text.strip()
    if _SPAN.fullmatch(text):
        return now - span(text) if past else now + span(text)
    if _UNIX.fullmatch(text):
        return float(text)
    if clock := _CLOCK.fullmatch(text):
        return _time_of_day(int(clock[1]), int(clock[2]), now, past=past)
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise ValueError(
            f"'{text}' is not a time: write one such as 18:30, '2026-01-31 18:30', 2h30m or Unix seconds"
        ) from None


def _time_of_day(hour: int, minute: int, now: float, *, past: bool) -> float:
    today = datetime.fromtimestamp(now).astimezone()
    then = today.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if past and then > today:
        then -= timedelta(days=1)
    if not past and then <= today:
        then += timedelta(days=1)
    return then.replace(tzinfo=None).astimezone().timestamp()


class Seconds(click.FloatRange):
    """An option's number of seconds within bounds; ``nan`` is neither above nor below any, and no number to wait."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the text."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds


def moment_option(*, past: bool = False) -> Callable[[click.Context, click.Parameter, str | None], float | None]:
    """A callback that reads an option's text as a moment to come, or gone by with ``past``."""

    def read(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
        try:
            return None if value is None else moment(value, time.time(), past=past)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return read


def shown_moment(when: float | None) -> str:
    """A moment in local time, to the second."""
    if when is None:
        return "-"
    try:
        return datetime.fromtimestamp(when).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "-"


def shown_span(seconds: float | None) -> str:
    """A span in its two largest units, such as ``2h 05m``."""
    if seconds is None:
        return "-"
    rest = max(0, int(seconds))
    for index, (unit, size) in enumerate(_UNITS[:-1]):
        if rest >= size:
            next_unit, next_size = _UNITS[index + 1]
            return f"{rest // size}{unit} {rest % size // next_size:02d}{next_unit}"
    return f"{rest}s"
