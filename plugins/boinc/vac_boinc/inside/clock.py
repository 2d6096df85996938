"""A machine's own time, which stands still while the machine is held: pure."""

from __future__ import annotations

from typing import NamedTuple

LONGEST_TURN = 60.0


class Clock(NamedTuple):
    """How long a machine has lived. A turn that took far too long was one in which the machine was held."""

    elapsed: float = 0.0
    last: float | None = None

    def turned(self, now: float) -> Clock:
        """After one more turn."""
        step = 0.0 if self.last is None else now - self.last
        return Clock(self.elapsed + (step if 0 <= step <= LONGEST_TURN else 0.0), now)
