"""The responder: answers queries from a snapshot in memory, and refuses, with a count, what it should not answer."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import attrs

from vac_core.factory.endpoint.limits import Limits, Meter
from vac_core.factory.endpoint.sockets import listening, plain_address
from vac_core.interfaces import SpaceView
from vac_core.vacquery.answers import Answers
from vac_core.vacquery.messages import MAX_OCTETS, MessageError, Query, Refusal, StatusChanged, decode
from vac_core.vacquery.signing import SIGNATURE_OCTETS, Taken, sign, verify

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Rules:
    """Whom the responder answers, and what proof it wants."""

    space: str
    allowed: frozenset[str] | None = None
    """Addresses that are answered; None for any."""
    key: bytes | None = attrs.field(default=None, repr=False)
    """The space's shared key, by which answers are signed."""
    require: bool = attrs.field(default=False)
    """Whether unsigned or replayed messages are refused; needs a key."""

    @require.validator
    def _needs_key(self, _attribute: Any, require: bool) -> None:
        if require and not self.key:
            raise ValueError("signatures cannot be required without a key")


class Responder(asyncio.DatagramProtocol):
    """Answers VacQuery queries on one socket.

    ``snapshot`` gives the factory's state and must be quick; ``news`` is told of hints from peers, with their sender's
    address, and may raise `MessageError`. ``answered`` and ``refusals`` count what was done.
    """

    def __init__(
        self,
        rules: Rules,
        snapshot: Callable[[], SpaceView],
        *,
        news: Callable[[StatusChanged, str], None] | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.answered = 0
        self.refusals: Counter[Refusal] = Counter()
        self._snapshot = snapshot
        self._news = news
        self._clock = clock
        self._meter = Meter(limits or Limits())
        self._taken = Taken()
        self._transport: asyncio.DatagramTransport | None = None
        self._full = False
        self.rules = rules

    @property
    def rules(self) -> Rules:
        """Whom it answers; may be changed at any time."""
        return self._rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._rules = rules
        self._answers = Answers(rules.space, MAX_OCTETS - (SIGNATURE_OCTETS if rules.key else 0))

    async def listen(self, address: str, port: int) -> int:
        """Begin to answer on an address of this host, or on all for an empty one; returns the port.

        Raises `PluginError` if that is not possible, and goes on where it listened before.
        """
        own = listening(address, port)
        before = self._transport
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=own)
        if before is not None:
            before.close()
        return int(own.getsockname()[1])

    def close(self) -> None:
        """Stop answering."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def send(self, raw: bytes, target: tuple[Any, ...]) -> None:
        """Send a message that nobody asked for from the socket that answers, signed if there is a key."""
        if self._transport is not None:
            self._transport.sendto(self._signed(raw), target)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket over."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self._full = False

    def pause_writing(self) -> None:
        """Drop answers while more wait for the network than it takes: their askers will ask again."""
        self._full = True

    def resume_writing(self) -> None:
        """Answer again."""
        self._full = False

    def error_received(self, exc: Exception) -> None:
        """Note an answer that could not be sent: who asked has gone, and loses nothing."""
        _log.debug("could not send: %s", exc)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Answer a query, pass a hint on, or refuse."""
        source = plain_address(addr[0])
        try:
            self._take(data, addr, source)
        except MessageError as refused:
            self.refusals[refused.refusal] += 1
            _log.debug("refused a datagram of %s: %s", source, refused)

    def _take(self, data: bytes, addr: tuple[Any, ...], source: str) -> None:
        if self._rules.allowed is not None and source not in self._rules.allowed:
            raise MessageError(Refusal.STRANGER, source)
        elapsed = time.monotonic()
        self._meter.take(source, 1, elapsed)
        now = self._clock()
        if self._rules.require:
            self._taken.take(verify(data, self._rules.key or b"", now), now)
        message = decode(data, now)
        if isinstance(message, StatusChanged):
            self._hinted(message, source)
            return
        if not isinstance(message, Query):
            raise MessageError(Refusal.NOT_ASKED_FOR, message.message_type)
        answers = self._answers.to(message, self._snapshot(), now)
        self._meter.take(source, max(0, len(answers) - 1), elapsed)
        self._reply(answers, addr, source)

    def _hinted(self, message: StatusChanged, source: str) -> None:
        if message.space != self._rules.space:
            raise MessageError(Refusal.OTHER_SPACE, message.space)
        if self._news is None:
            raise MessageError(Refusal.NOT_ASKED_FOR, message.message_type)
        self._news(message, source)

    def _reply(self, answers: list[bytes], addr: tuple[Any, ...], source: str) -> None:
        transport = self._transport
        if transport is None:
            return
        if self._full:
            raise MessageError(Refusal.OVERLOADED, source)
        for one in answers:
            transport.sendto(self._signed(one), addr)
        self.answered += 1

    def _signed(self, raw: bytes) -> bytes:
        key = self._rules.key
        return raw if key is None else sign(raw, key, self._clock(), secrets.token_hex(8))
