"""One connection to the HTTP service: whether its peer may have it, and how it ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from aiohttp import StreamReader, web
from aiohttp.typedefs import Handler

from vac_core.factory.web.application import plain_address

MOST_CONNECTIONS: Final = 64
"""Connections that one address may hold at one time, so that no machine can use up the daemon's descriptors."""

_BEGIN_SECONDS: Final = 1.0
"""By when a request that has come whole is begun, however busy the daemon is; one that has not is none."""


class Connection(asyncio.Protocol):
    """Lets what a peer sends through to the handler of its requests, or closes it if its address holds too many.

    A peer that will send no more, having closed its side, is still answered if it has sent its request whole.
    """

    def __init__(self, handler: web.RequestHandler, held: Counter[str]) -> None:
        self._handler = handler
        self._held = held
        self._address: str | None = None
        self._transport: asyncio.BaseTransport | None = None
        self._answering: asyncio.Task[None] | None = None
        """What answers its requests, one after the other; known once it has begun with the first."""
        self._body: StreamReader | None = None
        """That of the latest request."""
        self._sent_all = False

    def begin(self, request: web.Request) -> None:
        """A request of this connection is to be answered now."""
        self._answering, self._body = request.task, request.content
        if self._sent_all:
            self._close_in_time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer is there."""
        address = plain_address(transport.get_extra_info("peername")[0])
        if self._held[address] >= MOST_CONNECTIONS:
            transport.close()
            return
        self._held[address] += 1
        self._address = address
        self._transport = transport
        self._handler.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if self._address is None:
            return
        self._held[self._address] -= 1
        if not self._held[self._address]:
            del self._held[self._address]
        self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The peer has sent this."""
        if self._address is not None:
            self._handler.data_received(data)

    def eof_received(self) -> bool:
        """The peer will send no more; say whether it may still be answered."""
        if self._address is None:
            return False
        self._sent_all = True
        self._handler.close()  # it takes no further request
        if self._answering is None:
            asyncio.get_running_loop().call_later(_BEGIN_SECONDS, self._close_in_time)
        else:
            self._close_in_time()
        return True

    def _close_in_time(self) -> None:
        """Close the connection when its last request is answered; now if there is none, or none that can be whole."""
        if self._answering is not None and self._body is not None and self._body.is_eof():
            self._answering.add_done_callback(lambda _: self._close())
        else:
            self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        """The peer takes no more for now."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """The peer takes more again."""
        self._handler.resume_writing()


@web.middleware
async def show_connection(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let its connection know of a request that is to be answered now."""
    if request.transport is not None and isinstance(one := request.transport.get_protocol(), Connection):
        one.begin(request)
    return await handler(request)
