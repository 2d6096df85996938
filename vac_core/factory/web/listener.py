"""Letting the HTTP service listen, with a limit on the connections that one address may hold."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final, cast

from aiohttp import web

from vac_core.factory.web.application import plain_address

MOST_CONNECTIONS: Final = 64
"""Connections that one address may hold at one time, so that no machine can use up the daemon's descriptors."""


class ListenError(Exception):
    """The service cannot listen where it should; the message says why, and which options to change."""


class Listener:
    """A service that listens; make one with `listen`."""

    def __init__(self, runner: web.AppRunner, server: asyncio.Server) -> None:
        self._runner = runner
        self._server = server

    @property
    def port(self) -> int:
        """The TCP port: of use where a free one was asked for."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and end what is under way."""
        self._server.close()
        await self._runner.cleanup()


async def listen(app: web.Application, address: str, port: int) -> Listener:
    """Let a service listen on an address, all of the host's if it is empty; port 0 takes a free one.

    Raises `ListenError`.
    """
    # A machine that goes on sending after it was refused is listened to for lingering_time seconds.
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=30.0, lingering_time=2.0, shutdown_timeout=1.0)
    await runner.setup()
    handler = cast("web.Server", runner.server)
    held: Counter[str] = Counter()
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: _Door(handler(), held), address or None, port, reuse_address=True
        )
    except OSError as error:
        await runner.cleanup()
        raise ListenError(
            f"cannot serve machines on {address or 'any address'} port {port}: {error.strerror or error}: "
            "change http_address or http_port in [settings]"
        ) from error
    return Listener(runner, server)


class _Door(asyncio.Protocol):
    """Lets a connection through to the handler of its requests, or closes it if its address holds too many."""

    def __init__(self, handler: asyncio.Protocol, held: Counter[str]) -> None:
        self._handler = handler
        self._held = held
        self._address: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = plain_address(transport.get_extra_info("peername")[0])
        if self._held[address] >= MOST_CONNECTIONS:
            transport.close()
            return
        self._held[address] += 1
        self._address = address
        self._handler.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._address is None:
            return
        self._held[self._address] -= 1
        if not self._held[self._address]:
            del self._held[self._address]
        self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._address is not None:
            self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        return self._handler.eof_received() if self._address is not None else None

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()
