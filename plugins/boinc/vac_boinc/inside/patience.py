"""How long something has not come that is waited for: pure."""

from __future__ import annotations

from typing import NamedTuple

from .clock import Clock


class Patience(NamedTuple):
    """Seconds of the machine's own time in which nothing new was seen."""

    limit: float
    """0 for without end."""
    seen: int = 0
    since: float = 0.0
    """When something new was seen last, by the clock."""
    clock: Clock = Clock()

    def turned(self, now: float, seen: int) -> Patience:
        """After one more turn, in which so much is seen by now."""
        clock = self.clock.turned(now)
        return self._replace(seen=seen, since=self.since if seen == self.seen else clock.elapsed, clock=clock)

    @property
    def over(self) -> bool:
        """Whether nothing came for too long."""
        return 0 < self.limit < self.clock.elapsed - self.since
