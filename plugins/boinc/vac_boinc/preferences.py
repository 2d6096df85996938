"""What an owner wants of a host that is lent out: BOINC's computing preferences, by their own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from vac_boinc.windows import DayWindow, Week, Window

_GB: Final = 1e9
_NIU_BUSY_PERCENT: Final = 50.0


@attrs.frozen(kw_only=True)
class Preferences:
    """BOINC's preferences that bear on when and how much a host computes, with BOINC's defaults (its lib/prefs.cpp).

    Hours are local, percentages of the whole host, ``idle_time_to_run`` and ``suspend_if_no_recent_input`` in minutes.
    Names that begin with ``niu_`` hold while the computer is not in use.
    """

    run_on_batteries: bool = False
    run_if_user_active: bool = True
    idle_time_to_run: float = 3.0
    suspend_if_no_recent_input: float = 0.0
    suspend_cpu_usage: float = 25.0
    niu_suspend_cpu_usage: float | None = None
    max_ncpus_pct: float = 0.0
    niu_max_ncpus_pct: float = 100.0
    cpu_usage_limit: float = 100.0
    niu_cpu_usage_limit: float = 100.0
    start_hour: float = 0.0
    end_hour: float = 0.0
    day_prefs: tuple[DayWindow, ...] = ()
    ram_max_used_busy_pct: float = 50.0
    ram_max_used_idle_pct: float = 90.0
    disk_max_used_gb: float = 0.0
    disk_max_used_pct: float = 90.0
    disk_min_free_gb: float = 0.1

    @property
    def week(self) -> Week:
        """The hours in which the host may compute."""
        return Week(Window(self.start_hour, self.end_hour), self.day_prefs)

    def busy_limit(self, *, in_use: bool) -> float:
        """Use of the processors by others above which computing is suspended, in percent; 0 for no limit."""
        if in_use or self.niu_suspend_cpu_usage is None:
            return self.suspend_cpu_usage
        return self.niu_suspend_cpu_usage

    def processors(self, there: int, *, in_use: bool) -> int:
        """How many of the host's processors may be used: one at least."""
        percent = self.max_ncpus_pct if in_use else self.niu_max_ncpus_pct
        return max(1, int(there * _percent(percent) / 100))

    def part_of_time(self, *, in_use: bool) -> float | None:
        """The part of its processors' time that a machine may use; None for all of it."""
        percent = self.cpu_usage_limit if in_use else self.niu_cpu_usage_limit
        return percent / 100 if 0.005 <= percent <= 99.99 else None

    def memory_bytes(self, there: int, *, in_use: bool) -> int:
        """How much of the host's memory may be used."""
        return int(there * _percent(self.ram_max_used_busy_pct if in_use else self.ram_max_used_idle_pct) / 100)

    def disk_bytes(self, *, whole: int, free: int, used: int) -> int:
        """How much of a disk machines may take up, of which they take up ``used`` now."""
        limits = [used + free - self.disk_min_free_gb * _GB, whole * _percent(self.disk_max_used_pct) / 100]
        if self.disk_max_used_gb > 0:
            limits.append(self.disk_max_used_gb * _GB)
        return max(0, int(min(limits)))


def _percent(given: float) -> float:
    """BOINC takes 0, or nonsense, for no limit."""
    return given if 0 < given <= 100 else 100.0


def overlaid(*layers: Mapping[str, Any]) -> Preferences:
    """Preferences from several sources; later ones win, name by name.

    Where none says anything, BOINC lets others use half of the processors while the computer is not in use.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= layer
    return Preferences(**merged) if merged else Preferences(niu_suspend_cpu_usage=_NIU_BUSY_PERCENT)
