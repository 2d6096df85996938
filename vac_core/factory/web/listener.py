"""Letting the HTTP service listen."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import Any, Final, TypeAlias, cast

from aiohttp import web

from vac_core.factory.web.connection import Connection, show_connection

Door: TypeAlias = tuple[str, int]
"""An address of this host, all of them if it is empty, and a TCP port, a free one if it is 0."""

_MEND: Final = "change http_address or http_port in [settings]"


class ListenError(Exception):
    """The service cannot listen where it should; the message says why, and which options to change."""


class Listener:
    """A service that listens at one or more doors and counts what each address holds; made by `ready` or `listen`."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self._held: Counter[str] = Counter()
        self._doors: dict[Door, asyncio.Server] = {}

    @property
    def doors(self) -> frozenset[Door]:
        """Addresses and ports at which it listens, as they were asked for."""
        return frozenset(self._doors)

    @property
    def port(self) -> int:
        """The TCP port of the first door: of use where a free one was asked for."""
        port: int = next(iter(self._doors.values())).sockets[0].getsockname()[1]
        return port

    async def open(self, door: Door, sock: socket.socket | None = None, *, mend: str = _MEND) -> None:
        """Listen at one more address and port, or on a socket that is bound to them.

        Raises `ListenError`, whose message ends with ``mend``.
        """
        address, port = door
        where: dict[str, Any] = {"host": address or None, "port": port, "reuse_address": True}
        handler = cast("web.Server", self._runner.server)
        try:
            self._doors[door] = await asyncio.get_running_loop().create_server(
                lambda: Connection(handler(), self._held), **(where if sock is None else {"sock": sock})
            )
        except OSError as error:
            raise refused(door, error, mend) from error

    def shut(self, door: Door) -> None:
        """Listen there no more."""
        self._doors.pop(door).close()

    async def close(self) -> None:
        """Stop listening and end what is under way."""
        for door in self.doors:
            self.shut(door)
        await self._runner.cleanup()


def refused(door: Door, error: OSError, mend: str) -> ListenError:
    """Why nobody can listen at a door."""
    address, port = door
    where = f"{address or 'any address'} port {port}"
    return ListenError(f"cannot serve machines on {where}: {error.strerror or error}: {mend}")


async def listen(app: web.Application, address: str, port: int) -> Listener:
    """Let a service listen on an address, all of the host's if it is empty; port 0 takes a free one.

    Raises `ListenError`.
    """
    listener = await ready(app)
    try:
        await listener.open((address, port))
    except ListenError:
        await listener.close()
        raise
    return listener


async def ready(app: web.Application) -> Listener:
    """Get a service ready to listen; its doors are opened one by one."""
    app.middlewares.append(show_connection)
    # A machine that goes on sending after it was refused is listened to for lingering_time seconds.
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=30.0, lingering_time=2.0, shutdown_timeout=1.0)
    await runner.setup()
    return Listener(runner)
