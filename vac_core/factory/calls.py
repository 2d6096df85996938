"""Calling what may block or raise: plugins and files, in worker threads, each call with a deadline."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from functools import partial
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from vac_core.interfaces import MachineTypeError, PluginError

PARTING_SECONDS: Final = 5.0
"""How long `ThreadCalls.close` waits for calls that have not missed their deadlines."""

P = ParamSpec("P")
T = TypeVar("T")


class Calls(Protocol):
    """How the factory calls what may block."""

    async def __call__(self, function: Callable[[], T], *, deadline: float, what: str, lane: str = "") -> T:
        """Run ``function`` and return its result; whatever goes wrong becomes a `PluginError` that names ``what``.

        Calls of one ``lane`` may have to wait for each other before they begin, never for those of another: what may
        be asked many times over, such as the making of machines of one type, goes in a lane of its own.
        """

    def close(self) -> None:
        """Take no more calls."""


class ThreadCalls:
    """Calls in worker threads, so many at one time in each lane.

    A call that misses its deadline is left behind in its thread, its result is dropped, and its place is given to
    another. While it is stuck there, the same call (the same ``what``) is refused at once.
    """

    def __init__(self, at_once: int = 32, most_stuck: int = 480) -> None:
        self._threads = _Threads()
        self._lanes = defaultdict[str, asyncio.Semaphore](partial(asyncio.Semaphore, at_once))
        self._most_stuck = most_stuck
        self._stuck: set[str] = set()

    async def __call__(self, function: Callable[[], T], *, deadline: float, what: str, lane: str = "") -> T:
        """Run ``function`` in a thread."""
        async with self._lanes[lane]:
            self._admit(what)
            future = asyncio.get_running_loop().run_in_executor(self._threads, partial(_without_exit, function))
            future.add_done_callback(_taken_note_of)
            done, _ = await asyncio.wait([future], timeout=deadline)
        if not done:
            self._stuck.add(what)
            future.add_done_callback(lambda _: self._stuck.discard(what))
            raise PluginError(f"{what} took longer than {deadline:g} s")
        try:
            return future.result()
        except Exception as error:
            raise contained(error, what) from error

    def _admit(self, what: str) -> None:
        if what in self._stuck:
            raise PluginError(f"{what} has not returned since it missed its deadline")
        if len(self._stuck) >= self._most_stuck:
            raise PluginError(f"{what} is not begun: {len(self._stuck)} calls have not returned since their deadlines")

    def close(self) -> None:
        """Give calls under way a moment to return, unless some are stuck; then leave them behind."""
        self._threads.part(0.0 if self._stuck else PARTING_SECONDS)


class _Threads(Executor):
    """A thread for each call. Unlike the standard library's, it keeps no process from ending: a call may never return.

    What is cut off by the end of the process is as if the daemon had been killed: the next start puts it right.
    """

    def __init__(self) -> None:
        self._under_way: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin a call."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to who awaits the call
                future.set_exception(error)

        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        try:
            threading.Thread(target=work, name="vac-call", daemon=True).start()
        except RuntimeError as error:  # the host has no thread left
            future.set_exception(error)
        return future

    def part(self, seconds: float) -> None:
        """Wait so long for what is under way."""
        wait(set(self._under_way), timeout=seconds)


def _without_exit(function: Callable[[], T]) -> T:
    """A plugin that calls `sys.exit` ends its own call, not the daemon."""
    try:
        return function()
    except SystemExit as error:
        raise PluginError(f"SystemExit: {error}") from error


def _taken_note_of(future: asyncio.Future[Any]) -> None:
    """Look at a call's error, so that none is reported as overlooked when its caller has gone."""
    if not future.cancelled():
        future.exception()


def contained(error: Exception, what: str) -> PluginError:
    """Any error as one that the factory knows how to handle, with what was being done."""
    if isinstance(error, MachineTypeError):
        return MachineTypeError(str(error))
    if isinstance(error, PluginError):
        return PluginError(str(error))
    return PluginError(f"{what} raised {type(error).__name__}: {error}")
