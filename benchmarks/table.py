"""One row of the benchmarks' table, and a timer that fills it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import attrs


@attrs.frozen(kw_only=True)
class Row:
    """One figure: what was measured, over how many runs, its median and spread, and the target if there is one."""

    what: str
    unit: str
    samples: Sequence[float]
    target: str = ""

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.samples)

    @property
    def n(self) -> int:
        """How many times it was measured."""
        return len(self.samples)
