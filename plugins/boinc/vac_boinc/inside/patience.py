"""How long something has not come that is waited for: pure."""

from __future__ import annotations

from typing import NamedTuple

_LONGEST_TURN = 60.0


class Patience(NamedTuple):
    """Seconds that nothing new was seen. A turn that took far too long was one in which the machine was held."""

    limit: float
    """0 for without end."""
    seen: int = 0
    waited: float = 0.0
    last: float | None = None

    def turned(self, now: float, seen: int) -> Patience:
        """After one more turn, in which so much is seen by now."""
        step = 0.0 if self.last is None else now - self.last
        waited = self.waited + (step if 0 <= step <= _LONGEST_TURN else 0.0)
        return self._replace(seen=seen, waited=waited if seen == self.seen else 0.0, last=now)

    @property
    def over(self) -> bool:
        """Whether nothing came for too long."""
        return 0 < self.limit < self.waited
