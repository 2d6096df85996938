"""Refusals of the HTTP service, and how it reads the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from aiohttp import web

T = TypeVar("T")

NOT_FOUND: Final = 404
TOO_MANY: Final = 429


class RefusedError(Exception):
    """A request is not answered as asked; the message is for the guest's own log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status

    def response(self) -> web.Response:
        """The refusal as an answer. The connection ends with it, as an unread body may still be coming."""
        response = web.Response(status=self.status, text=f"{self}\n")
        if self.status == TOO_MANY:
            response.headers["Retry-After"] = "1"
        if self.status != NOT_FOUND:
            response.force_close()
        return response


class Disk:
    """Runs what blocks on the disk in a few threads of its own, which no slow plugin can use up."""

    def __init__(self, threads: int = 4) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="vac-http")

    async def __call__(self, function: Callable[[], T]) -> T:
        """Run ``function`` in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    def close(self) -> None:
        """Let the threads end when they have done what was asked."""
        self._pool.shutdown(wait=False)
