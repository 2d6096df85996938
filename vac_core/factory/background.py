"""Work that goes on beside the passes: each piece is kept, and none fails unseen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Background:
    """Tasks under way. One that fails is logged, noted in `trouble`, and `failed()` is called."""

    def __init__(self, failed: Callable[[], None]) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed = failed
        self.trouble: str | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a piece of work."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.trouble = f"{type(error).__name__}: {error}"
            _log.error("work in the background failed", exc_info=error)
            self._failed()

    async def close(self) -> None:
        """Cancel what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
