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
    """Calls in worker threads, so many at one time.

    A call that misses its deadline is left behind in its thread, its result is dropped, and its place is given to
    another. While it is stuck there, the same call (the same ``what``) is refused at once.
    """

    def __init__(self, at_once: int = 32, most_threads: int = 512) -> None:
        self._pool = ThreadPoolExecutor(most_threads, thread_name_prefix="vac")
        self._places = asyncio.Semaphore(at_once)
        self._stuck: set[str] = set()

    async def __call__(self, function: Callable[[], T], *, deadline: float, what: str) -> T:
        """Run ``function`` in a thread."""
        async with self._places:
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


def contained(error: Exception, what: str) -> PluginError:
    """Any error as one that the factory knows how to handle, with what was being done."""
    if isinstance(error, MachineTypeError):
        return MachineTypeError(str(error))
    if isinstance(error, PluginError):
        return PluginError(str(error))
    return PluginError(f"{what} raised {type(error).__name__}: {error}")
