"""Recent estimated credit: how much work each machinetype has had of this host, the old counting less and less. Pure.

BOINC keeps a running average of work for each project, whose weight halves every ``rec_half_life_days``, and adds to it
each minute (update_average in its lib/util.cpp; client/cpu_sched.cpp). Here the same average is taken in closed form: a
machine that worked at a steady rate r from a to b adds, at a later time t, r * (2^-((t-b)/H) - 2^-((t-a)/H)), which is
what the client's sum tends to as its step gets small. So nothing has to tick, and what is kept is one number and its
time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from vac_core.model import Machine

DAY: Final = 86400.0
COBBLESTONES: Final = 200.0
"""Credit for a day of a processor of one unit of power: 200 Cobblestones for a GFLOPS day."""


@attrs.frozen(kw_only=True)
class Credit:
    """An average of work for each day, as of a time in Unix seconds."""

    value: float = 0.0
    time: float = 0.0

    def at(self, now: float, half_life: float) -> float:
        """What it has come down to; a clock that was set back leaves it as it is."""
        return self.value * weight(now - self.time, half_life)

    def plus(self, work: float, now: float, half_life: float) -> Credit:
        """With work added whose weight was reckoned for ``now``."""
        return Credit(value=self.at(now, half_life) + work, time=max(now, self.time))


def weight(age: float, half_life: float) -> float:
    """What work of an age in seconds still counts."""
    return math.exp2(-max(0.0, age) / half_life)


def share_of_work(rate: float, begin: float, end: float, now: float, half_life: float) -> float:
    """What steady work at a rate (credit a day) from ``begin`` to ``end`` adds to the average at ``now``."""
    end = min(max(begin, end), max(now, begin))
    return rate * (weight(now - end, half_life) - weight(now - begin, half_life))


def work_of(machine: Machine, now: float, half_life: float) -> float:
    """What one machine adds to its machinetype's average: its CPU time, by the power of its processors."""
    if machine.started is None:
        return 0.0
    end = now if machine.ended is None else machine.ended
    lasted = max(end - machine.started, 1.0)
    rate = COBBLESTONES * machine.hs06_per_processor * machine.cpu_seconds / lasted
    return share_of_work(rate, machine.started, end, now, half_life)


def averages(
    kept: Mapping[str, Credit], machines: Iterable[Machine], names: Iterable[str], now: float, half_life: float
) -> dict[str, float]:
    """Each machinetype's average at ``now``: what was kept of ended machines, and what runs."""
    found = {name: kept[name].at(now, half_life) if name in kept else 0.0 for name in names}
    for machine in machines:
        if machine.machinetype in found:
            found[machine.machinetype] += work_of(machine, now, half_life)
    return found


def priorities(credit: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, float]:
    """BOINC's priority of each (compute_sched_priority): the highest goes first; without a share, after all others."""
    whole = sum(credit.values()) or 1.0
    shared = sum(shares.values()) or 1.0
    found = {}
    for name, share in shares.items():
        had, part = credit.get(name, 0.0) / whole, share / shared  # a share may be too small to be a part at all
        found[name] = -had / part if part > 0 else -1000.0 - had
    return found
