"""Hours in which an owner lets a host compute, as BOINC reads them (its manual's "computing preferences", day_prefs).

Times are local: a window belongs to the clock on the wall. Hours are fractional, from 0 to 24.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Final

import attrs

DAY_HOURS: Final = 24.0
DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_HOUR_SECONDS: Final = 3600.0
_DAYS_AHEAD: Final = 8


def wall_clock(now: float) -> dt.datetime:
    """A moment as clocks on this host's walls show it; its ``timestamp()`` is right on both sides of summer time.

    It bears no zone: with the offset of today, a window that ends after the clocks are set would end an hour too soon
    or too late.
    """
    return dt.datetime.fromtimestamp(now)  # noqa: DTZ006 - see above


@attrs.frozen
class Window:
    """From an hour to an hour; one that starts later than it ends goes on past midnight."""

    start: float = 0.0
    end: float = 0.0

    def open(self, hour: float) -> bool:
        """Whether one may compute at this hour. A window that ends as it starts is always open; 24 to 0 never is."""
        if self.start == self.end:
            return True
        if (self.start, self.end) == (DAY_HOURS, 0.0):
            return False
        if self.start < self.end:
            return self.start <= hour <= self.end
        return hour < self.end or hour >= self.start


@attrs.frozen
class DayWindow:
    """The window of one day of the week, 0 for Sunday."""

    day: int
    window: Window

    def __str__(self) -> str:
        return f"{DAYS[self.day]}:{self.window.start:g}-{self.window.end:g}"


@attrs.frozen
class Week:
    """One window for every day, and others for some days of the week in its place."""

    usual: Window = attrs.field(factory=Window)
    days: tuple[DayWindow, ...] = ()

    def open(self, moment: dt.datetime) -> bool:
        """Whether one may compute at a local time."""
        return self._of(moment).open(_hour(moment))

    def closes(self, moment: dt.datetime) -> dt.datetime | None:
        """When the window closes that is open at a local time; None if it stays open for a week at least."""
        for edge in self._edges(moment):
            just_after = edge + dt.timedelta(seconds=1)
            if edge > moment and not self.open(just_after):
                return edge
        return None

    def opens(self, moment: dt.datetime) -> dt.datetime | None:
        """When the next window opens; None if none does within a week."""
        for edge in self._edges(moment):
            if edge > moment and self.open(edge):
                return edge
        return None

    def _of(self, moment: dt.datetime) -> Window:
        today = moment.isoweekday() % 7
        return next((one.window for one in reversed(self.days) if one.day == today), self.usual)

    def _edges(self, moment: dt.datetime) -> Iterator[dt.datetime]:
        """Local times at which a window may open or close, in order."""
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        for ahead in range(_DAYS_AHEAD):
            day = midnight + dt.timedelta(days=ahead)
            window = self._of(day)
            for hour in sorted({0.0, min(window.start, DAY_HOURS), min(window.end, DAY_HOURS)}):
                yield day + dt.timedelta(seconds=math.ceil(hour * _HOUR_SECONDS))


def _hour(moment: dt.datetime) -> float:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return (moment - midnight).total_seconds() / _HOUR_SECONDS
