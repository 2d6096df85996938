"""A policy that a test writes in one line."""

from __future__ import annotations

from collections.abc import Callable

from vac_core.interfaces import Policy
from vac_core.situation import Situation, Verdicts


class FakePolicy(Policy):
    """Judges by a function, and counts how often it was asked; without one it has nothing against anything."""

    def __init__(self, judge: Callable[[Situation], Verdicts] | None = None, *, name: str = "fake") -> None:
        self.name = name
        self.asked = 0
        self._judge = judge

    def judge(self, situation: Situation) -> Verdicts:
        """Answer as the function does."""
        self.asked += 1
        return Verdicts() if self._judge is None else self._judge(situation)
