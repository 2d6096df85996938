"""Where peers are: their addresses, looked up off the event loop and remembered over failures of the name service."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import attrs

from vac_core.config.read import Peer
from vac_core.factory.endpoint.sockets import plain_address

FRESH_SECONDS: Final = 60.0
"""How long an address is used before it is looked up again."""

_AT_ONCE: Final = 8

LookUp = Callable[[str, int], Sequence[tuple[socket.AddressFamily, Any]]]


@attrs.frozen
class Address:
    """One address of a peer: its family, and what a socket of that family sends to."""

    family: socket.AddressFamily
    target: tuple[Any, ...]

    @property
    def host(self) -> str:
        """The bare address."""
        return plain_address(self.target[0])


def look_up(host: str, port: int) -> Sequence[tuple[socket.AddressFamily, Any]]:
    """Ask the system's resolver; blocks. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    return [(family, target) for family, _, _, _, target in found]


class AddressBook:
    """Addresses of peers. What was found once is used on while the name service is out of order.

    Each look-up has a daemon thread of its own, a few at a time: one that hangs holds up neither the event loop nor
    the program's end.
    """

    def __init__(self, find: LookUp = look_up, clock: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, tuple[Address, ...]]] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def of(self, peer: Peer, port: int) -> tuple[Address, ...]:
        """A peer's addresses, ``port`` being that of peers that have none of their own; raises OSError."""
        wanted = peer.address, peer.port or port
        numeric = _numeric(*wanted)
        if numeric:
            return numeric
        since, addresses = self._known.get(wanted, (float("-inf"), ()))
        if self._clock() - since < FRESH_SECONDS:
            return addresses
        try:
            found = await self._looked_up(*wanted)
        except OSError:
            if addresses:
                return addresses
            raise
        self._known[wanted] = self._clock(), found
        return found

    def hosts(self, peers: Iterable[Peer], port: int) -> dict[str, frozenset[str]]:
        """The bare addresses known so far, by the names of peers; nothing is looked up."""
        return {peer.name: frozenset(one.host for one in self.known(peer, port)) for peer in peers}

    def known(self, peer: Peer, port: int) -> tuple[Address, ...]:
        """A peer's addresses as far as they are known; nothing is looked up."""
        wanted = peer.address, peer.port or port
        return _numeric(*wanted) or self._known.get(wanted, (0.0, ()))[1]

    async def _looked_up(self, host: str, port: int) -> tuple[Address, ...]:
        async with self._at_once:
            found = await _in_thread(lambda: self._find(host, port))
        addresses = tuple(dict.fromkeys(Address(family, target) for family, target in found))
        if not addresses:
            raise OSError(f"{host} has no address")
        return addresses


def _numeric(host: str, port: int) -> tuple[Address, ...]:
    """The address that a text already is, or none where it is a name."""
    try:
        one = ipaddress.ip_address(host)
    except ValueError:
        return ()
    family = socket.AF_INET6 if one.version == 6 else socket.AF_INET
    return (Address(family, (host, port)),)


async def _in_thread(find: Callable[[], Sequence[Any]]) -> Sequence[Any]:
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Sequence[Any]] = loop.create_future()

    def settle(found: Sequence[Any], error: OSError | None) -> None:
        if result.done():
            return
        if error is None:
            result.set_result(found)
        else:
            result.set_exception(error)

    def work() -> None:
        found, error = _tried(find)
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found, error)

    threading.Thread(target=work, name="vac-names", daemon=True).start()
    return await result


def _tried(find: Callable[[], Sequence[Any]]) -> tuple[Sequence[Any], OSError | None]:
    try:
        return find(), None
    except OSError as error:
        return (), error
    except UnicodeError as error:
        return (), OSError(f"not a name that can be looked up: {error}")
