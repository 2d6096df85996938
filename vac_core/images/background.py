"""Threads that fetch images while others go on; a few at a time, so that a VO with many images holds nobody up."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 2

K = TypeVar("K", bound=Hashable)


class Background(Generic[K]):
    """Does each piece of work once at a time, in the order in which they were asked for.

    The threads are daemons: nobody waits at exit for a server that hangs.
    """

    def __init__(self, work: Callable[[K], None], done: Callable[[], None]) -> None:
        """``done`` is called after each piece of work, when `has` does not tell of it any more."""
        self._work = work
        self._done = done
        self._lock = threading.Lock()
        self._waiting: deque[K] = deque()
        self._taken: set[K] = set()
        self._threads = 0

    def ask(self, what: K) -> None:
        """Have it done; what waits or is being done already is not done twice."""
        with self._lock:
            if what in self._taken:
                return
            self._taken.add(what)
            self._waiting.append(what)
            if self._threads < _AT_ONCE:
                self._threads += 1
                threading.Thread(target=self._run, name="vac-image", daemon=True).start()

    def has(self, what: K) -> bool:
        """Whether it waits or is being done."""
        with self._lock:
            return what in self._taken

    def forget(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._taken.difference_update(self._waiting)
            self._waiting.clear()

    def _run(self) -> None:
        while (what := self._next()) is not None:
            try:
                self._work(what)
            except Exception:
                logger.exception("unexpected trouble in the background")
            finally:
                with self._lock:
                    self._taken.discard(what)
                self._done()

    def _next(self) -> K | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            return None
