"""What the whole space runs of each machinetype, summed over the reports of the factories that answered."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from vac_core.model import ABORT_FROM, FactoryReport, TypeReport
from vac_core.situation import Abort, TypeTotals

CLOCK_TOLERANCE_SECONDS: Final = 60.0
"""How far ahead of our clock an abort may be and still be believed."""


class _Sum:
    """The running sums of one machinetype; plain attributes, for there may be many thousands of reports."""

    __slots__ = ("before_fizzle", "hs06", "last_abort", "machines")

    def __init__(self) -> None:
        self.hs06 = 0.0
        self.machines = 0
        self.before_fizzle = 0
        self.last_abort: Abort | None = None

    def add(self, report: TypeReport) -> None:
        """Count one factory's figures; one that is negative or not a number counts as nothing."""
        if 0.0 < report.running_hs06 < math.inf:
            self.hs06 += report.running_hs06
        if report.running_machines > 0:
            self.machines += report.running_machines
        if report.num_before_fizzle > 0:
            self.before_fizzle += report.num_before_fizzle

    def totals(self) -> TypeTotals:
        """The sums as a value."""
        return TypeTotals(
            running_hs06=self.hs06,
            running_machines=self.machines,
            num_before_fizzle=self.before_fizzle,
            last_abort=self.last_abort,
        )


def tally(reports: Iterable[FactoryReport], now: float) -> dict[str, TypeTotals]:
    """Sum the factories' reports, our own among them, for each machinetype that any of them names.

    The last abort of a machinetype is the latest one that any factory tells of. One that is a little ahead of our
    clock counts as having happened now. One further ahead is left out: a clock was set, and believing it would hold
    the machinetype back until that time comes.
    """
    sums: dict[str, _Sum] = {}
    for report in reports:
        for name, of_type in report.types.items():
            found = sums.get(name)
            if found is None:
                found = sums[name] = _Sum()
            found.add(of_type)
            outcome = of_type.outcome
            if outcome is not None and outcome.code is not None and outcome.code >= ABORT_FROM:
                found.last_abort = _later(found.last_abort, of_type, report.factory, now)
    return {name: found.totals() for name, found in sums.items()}


def _later(known: Abort | None, report: TypeReport, factory: str, now: float) -> Abort | None:
    when = report.shutdown_time
    if when is None or report.outcome is None or not when <= now + CLOCK_TOLERANCE_SECONDS:
        return known
    when = min(when, now)
    if known is not None and (known.time, known.factory) >= (when, factory):
        return known
    return Abort(time=when, factory=factory, outcome=report.outcome)
