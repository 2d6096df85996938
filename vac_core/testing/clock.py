"""A clock that only moves when it is told, with alarms that ring on the way."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from typing import Any

from vac_core.testing.makers import NOW


class VirtualClock:
    """Time for tests: ``clock()`` is the time in Unix seconds, and stands still until somebody advances it.

    `VirtualTimeLoop` advances it by itself; a test without a loop calls `advance`.
    """

    def __init__(self, now: float = NOW) -> None:
        self._offset = now
        self._monotonic = 0.0
        self._alarms: list[tuple[float, int, Callable[[], Any]]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._here = threading.local()

    def __call__(self) -> float:
        """The time, in Unix seconds; may be given wherever `time.time` would be."""
        return self._offset + self._monotonic

    def monotonic(self) -> float:
        """Seconds that have passed since the clock was made; no `jump` alters it."""
        return self._monotonic

    def jump(self, seconds: float) -> None:
        """Set the time of day forward, or back, as an administrator or NTP would; no alarm rings for it."""
        self._offset += seconds

    def call_later(self, seconds: float, ring: Callable[[], Any]) -> None:
        """Call ``ring()`` when so many seconds have passed; from any thread."""
        with self._lock:
            heapq.heappush(self._alarms, (self._monotonic + seconds, next(self._order), ring))

    def until_alarm(self) -> float | None:
        """Seconds to the next alarm; None where none is set."""
        with self._lock:
            return max(0.0, self._alarms[0][0] - self._monotonic) if self._alarms else None

    def advance(self, seconds: float) -> None:
        """Let time pass. Alarms ring in their order, each at its own time, in the thread that calls this."""
        end = self._monotonic + seconds
        while (ring := self._due(end)) is not None:
            ring()
        self._monotonic = max(self._monotonic, end)

    def _due(self, end: float) -> Callable[[], Any] | None:
        with self._lock:
            if not self._alarms or self._alarms[0][0] > end:
                return None
            when, _, ring = heapq.heappop(self._alarms)
            self._monotonic = max(self._monotonic, when)
            return ring

    def sleep(self, seconds: float) -> None:
        """Hold up the worker thread that calls this until so much time has passed; for ever with `math.inf`.

        Not for the thread that advances the clock.
        """
        woken = threading.Event()
        job: WorkerJob | None = getattr(self._here, "job", None)
        self.call_later(seconds, woken.set if job is None else lambda: job.wake(woken))
        if job is not None:
            job.rest()
        woken.wait()

    def at_work(self, job: WorkerJob) -> None:
        """Note that the calling thread works for this job, so that its sleep is known to the loop that waits for it."""
        self._here.job = job


class WorkerJob:
    """A call in a worker thread: it works until it has finished or sleeps on a virtual clock."""

    def __init__(self, patience: float, nudge: Callable[[], Any]) -> None:
        self._patience = patience
        self._nudge = nudge
        self._idle = threading.Event()
        self._asleep = False

    @property
    def asleep(self) -> bool:
        """Whether only the passing of time will make it go on."""
        return self._asleep

    def rest(self) -> None:
        """It sleeps, or has finished; who may be waiting for it is nudged."""
        self._asleep = True
        self._idle.set()
        self._nudge()

    def wake(self, woken: threading.Event) -> None:
        """End its sleep, and wait until it rests again: one at a time, so that a run can be repeated."""
        self._asleep = False
        self._idle.clear()
        woken.set()
        self.settle()

    def settle(self) -> None:
        """Wait until it rests; after some real seconds go on beside it, since it may be waiting for this thread."""
        self._idle.wait(self._patience)
