"""Doing something when told to, but not more often than is good for others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Paced:
    """Runs an action at once when poked, and at most once in each interval; the last poke is never lost."""

    def __init__(self, action: Callable[[], None], seconds: float) -> None:
        self._action = action
        self._seconds = seconds
        self._not_before = 0.0
        self._waiting: asyncio.TimerHandle | None = None

    def poke(self) -> None:
        """Run the action now, or as soon as the interval is over."""
        if self._waiting is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._not_before:
            self._run()
        else:
            self._waiting = loop.call_at(self._not_before, self._run)

    def cancel(self) -> None:
        """Forget a poke that has not been acted on."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _run(self) -> None:
        self._waiting = None
        self._not_before = asyncio.get_running_loop().time() + self._seconds
        self._action()
