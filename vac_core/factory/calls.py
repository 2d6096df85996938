"""Calling what may block or raise: plugins and files, in worker threads, each call with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from vac_core.interfaces import MachineTypeError, PluginError

T = TypeVar("T")


class Calls(Protocol):
    """How the factory calls what may block."""

    async def __call__(self, function: Callable[[], T], *, deadline: float, what: str) -> T:
        """Run ``function`` and return its result; whatever goes wrong becomes a `PluginError` that names ``what``."""

    def close(self) -> None:
        """Take no more calls."""


class ThreadCalls:
    """Calls in a bounded pool of threads.

    A call that misses its deadline is left behind in its thread, and its result is dropped. While it is stuck there,
    the same call (the same ``what``) is refused at once, so that a dead backend cannot use up the pool.
    """

    def __init__(self, threads: int = 16) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="vac")
        self._stuck: set[str] = set()

    async def __call__(self, function: Callable[[], T], *, deadline: float, what: str) -> T:
        """Run ``function`` in a thread."""
        if what in self._stuck:
            raise PluginError(f"{what} has not returned since it missed its deadline")
        future = asyncio.get_running_loop().run_in_executor(self._pool, function)
        done, _ = await asyncio.wait([future], timeout=deadline)
        if not done:
            self._stuck.add(what)
            future.add_done_callback(lambda _: self._stuck.discard(what))
            raise PluginError(f"{what} took longer than {deadline:g} s")
        try:
            return future.result()
        except Exception as error:
            raise contained(error, what) from error

    def close(self) -> None:
        """Take no more calls; those under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class InlineCalls:
    """Calls at once in the caller's own thread: for tests on virtual time, where nothing blocks."""

    async def __call__(self, function: Callable[[], T], *, deadline: float, what: str) -> T:
        """Run ``function`` here and now."""
        del deadline
        try:
            return function()
        except Exception as error:
            raise contained(error, what) from error

    def close(self) -> None:
        """Nothing to let go of."""


def contained(error: Exception, what: str) -> PluginError:
    """Any error as one that the factory knows how to handle, with what was being done."""
    if isinstance(error, MachineTypeError):
        return MachineTypeError(str(error))
    if isinstance(error, PluginError):
        return PluginError(str(error))
    return PluginError(f"{what} raised {type(error).__name__}: {error}")
