"""An event loop on virtual time: hours of timers pass in milliseconds, in the same order each time."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

from vac_core.testing.clock import VirtualClock, WorkerJob

_T = TypeVar("_T")
_Args = TypeVarTuple("_Args")

PATIENCE_SECONDS = 0.5
"""Real seconds that a worker thread may take before the loop goes on beside it; time stands still until it is done."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Where nothing can go on, the clock is advanced to the next timer or alarm.

    Work for threads runs at once, one call at a time, to its end or to its sleep on the clock, whatever executor is
    asked for: so a run can be repeated. Time stands still while a thread works.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._jobs: set[WorkerJob] = set()
        super().__init__(_VirtualSelector(clock, self._busy))
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Seconds on the virtual clock."""
        return self.clock.monotonic()

    def _busy(self) -> bool:
        return any(not job.asleep for job in self._jobs)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Args]], _T], *args: *_Args
    ) -> asyncio.Future[_T]:
        """Run a blocking call in a thread of its own."""
        del executor
        future: asyncio.Future[_T] = self.create_future()
        job = WorkerJob(PATIENCE_SECONDS, lambda: self._soon(_nothing))
        self._jobs.add(job)

        def deliver(settle: Callable[[Any], None], value: Any) -> None:
            self._jobs.discard(job)
            if not future.done():
                settle(value)

        def work() -> None:
            self.clock.at_work(job)
            try:
                self._soon(deliver, future.set_result, func(*args))
            except BaseException as problem:  # noqa: BLE001 - whatever it is, it belongs to who awaits the call
                self._soon(deliver, future.set_exception, problem)
            job.rest()

        threading.Thread(target=work, name="virtual-worker", daemon=True).start()
        job.settle()
        return future

    def _soon(self, call: Callable[..., object], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self.call_soon_threadsafe(call, *args)


def _nothing() -> None:
    """Only wake the loop."""


class _VirtualSelector(selectors.BaseSelector):
    """Waits for no one: it looks at the real sockets, and else lets virtual time pass."""

    def __init__(self, clock: VirtualClock, busy: Callable[[], bool]) -> None:
        self._real = selectors.DefaultSelector()
        self._clock = clock
        self._busy = busy

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        alarm = self._clock.until_alarm()
        steps = [step for step in (timeout, alarm) if step is not None]
        if self._busy() or not steps:
            return self._real.select(None)
        self._clock.advance(min(steps))
        return self._real.select(0)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


def run_virtual(main: Coroutine[Any, Any, _T], clock: VirtualClock | None = None) -> _T:
    """Run a coroutine to its end on virtual time, as `asyncio.run` does on real time."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(clock or VirtualClock())) as runner:
        return runner.run(main)
