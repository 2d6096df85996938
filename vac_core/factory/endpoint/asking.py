"""Asking: one poll of some factories over UDP, which ends as soon as all have answered."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from vac_core.config.read import Peer
from vac_core.factory.endpoint.names import Address, AddressBook
from vac_core.factory.endpoint.sockets import asking
from vac_core.vacquery.messages import MessageError, QueryKind, Refusal, Status, decode, encode
from vac_core.vacquery.poll import Poll
from vac_core.vacquery.signing import sign, verify

_log = logging.getLogger(__name__)

VACQUERY_PORT: Final = 995
"""UDP port of responders (HSF-TN-2016-04)."""

PAUSES: Final = (0.025, 0.05, 0.1, 0.2, 0.4, 1.0)
"""How long an answer is awaited each time a factory is asked, as parts of the deadline: six times, as in Vac 3."""

LEAST_PAUSE_SECONDS: Final = 0.1

_AT_ONCE: Final = 32
"""Factories whose answers are awaited at one time, so that answers do not overflow the receive buffer."""

_PATIENCE_SECONDS: Final = 0.05
"""How long a factory that has not answered keeps another from being asked."""


@attrs.frozen(kw_only=True)
class Manner:
    """How to ask, where the usual way will not do."""

    require: bool = False
    """Take only answers that are signed with the key, and freshly."""
    source: str = ""
    """Address of this host to ask from; the system's choice if empty."""
    program: str = "vac-command"
    lapsed: Collection[str] = ()
    """Factories that did not answer last time: the others' answers wait only ``lapsed_seconds`` for them."""
    lapsed_seconds: float = 1.0
    book: AddressBook | None = None
    """Addresses that are known from one poll to the next."""
    clock: Callable[[], float] = time.time


@attrs.frozen(kw_only=True)
class Replies:
    """What came of a poll."""

    statuses: Mapping[str, tuple[Status, ...]]
    """By factory: whole answers, and parts of answers of those in ``partial``."""
    partial: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    """Factories from which nothing came."""
    unknown: Mapping[str, str] = attrs.field(factory=dict)
    """Those of the silent whose address could not be found, with the reason."""
    refusals: Mapping[Refusal, int] = attrs.field(factory=dict)
    """Datagrams that were not taken, counted by reason."""
    seconds: float = 0.0


async def query(
    kind: str,
    peers: Sequence[Peer],
    *,
    space: str,
    port: int = VACQUERY_PORT,
    deadline: float = 10.0,
    key: bytes | None = None,
    manner: Manner | None = None,
) -> Replies:
    """Ask factories, and return when all have answered or ``deadline`` seconds have passed.

    ``kind`` is ``factory``, ``machines`` or ``machinetypes``; ``port`` is that of peers that have none of their own.
    Those that do not answer are asked again. With ``key`` the queries are signed. Nothing that a peer does raises.
    """
    manner = manner or Manner()
    if manner.require and not key:
        raise ValueError("signatures cannot be required without a key")
    if not peers:
        return Replies(statuses={})
    began = time.monotonic()
    poll = Poll(QueryKind(kind), space, [peer.name for peer in peers], secrets.token_hex(32), manner.program)
    asker = _Asker(poll, peers, key, manner)
    try:
        await asker.open()
        await asker.ask_all(port, deadline)
    finally:
        asker.close()
    statuses = poll.statuses()
    return Replies(
        statuses=statuses,
        partial=tuple(peer.name for peer in peers if peer.name in statuses and peer.name not in poll.complete),
        silent=tuple(peer.name for peer in peers if peer.name not in statuses and peer.name not in poll.complete),
        unknown=asker.unknown,
        refusals=asker.refusals,
        seconds=time.monotonic() - began,
    )


class _Asker(asyncio.DatagramProtocol):
    """The sockets of one poll, and one task for each factory."""

    def __init__(self, poll: Poll, peers: Sequence[Peer], key: bytes | None, manner: Manner) -> None:
        self.refusals: Counter[Refusal] = Counter()
        self.unknown: dict[str, str] = {}
        self._poll = poll
        self._peers = peers
        self._key = key
        self._manner = manner
        self._book = manner.book or AddressBook()
        self._transports: dict[socket.AddressFamily, asyncio.DatagramTransport] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._answered = {peer.name: asyncio.Event() for peer in peers}

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        for family in (socket.AF_INET, socket.AF_INET6):
            own = asking(family, self._manner.source)
            if own is not None:
                self._transports[family], _ = await loop.create_datagram_endpoint(lambda: self, sock=own)

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()

    def error_received(self, exc: Exception) -> None:
        _log.debug("could not ask: %s", exc)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        now = self._manner.clock()
        try:
            if self._manner.require:
                verify(data, self._key or b"", now)
            answered = self._poll.take(decode(data, now))
        except MessageError as refused:
            self.refusals[refused.refusal] += 1
            _log.debug("refused a datagram of %s: %s", addr[0], refused)
            return
        if answered is not None:
            self._answered[answered].set()

    async def ask_all(self, port: int, deadline: float) -> None:
        """Run each factory's task; those of lapsed ones are given up sooner once all others have answered."""
        began = time.monotonic()
        lapsed = set(self._manner.lapsed)
        tasks = {peer.name: asyncio.create_task(self._ask(peer, port, deadline)) for peer in self._peers}
        try:
            await _all([task for name, task in tasks.items() if name not in lapsed], deadline)
            left = min(deadline, self._manner.lapsed_seconds) - (time.monotonic() - began)
            await _all([task for name, task in tasks.items() if name in lapsed], max(0.0, left))
        finally:
            for task in tasks.values():
                task.cancel()
            results = await asyncio.gather(*tasks.values(), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _ask(self, peer: Peer, port: int, deadline: float) -> None:
        try:
            found = await self._book.of(peer, port)
        except OSError as error:
            self.unknown[peer.name] = error.strerror or str(error)
            return
        addresses = [one for one in found if one.family in self._transports]
        if not addresses:
            self.unknown[peer.name] = "this host cannot send to any of its addresses"
            return
        answered = self._answered[peer.name]
        for turn, part in enumerate(PAUSES):
            pause = max(LEAST_PAUSE_SECONDS, part * deadline)
            async with self._at_once:
                self._send(peer.name, addresses[turn % len(addresses)])
                if await _set(answered, _PATIENCE_SECONDS):
                    return
            if await _set(answered, pause - _PATIENCE_SECONDS):
                return

    def _send(self, name: str, address: Address) -> None:
        raw = encode(self._poll.question(name))
        if self._key is not None:
            raw = sign(raw, self._key, self._manner.clock(), secrets.token_hex(8))
        self._transports[address.family].sendto(raw, address.target)


async def _all(tasks: Collection[asyncio.Task[None]], seconds: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


async def _set(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, at most so many seconds; says whether it has come."""
    if not event.is_set() and seconds > 0:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
    return event.is_set()
