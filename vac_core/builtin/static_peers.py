"""The peer finder ``static``: the factories listed in the site file, asked over VacQuery."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from vac_core.config.read import Peer
from vac_core.config.schema import Settings
from vac_core.factory.endpoint import Limits, Manner, Responder, query
from vac_core.factory.endpoint.limits import Meter
from vac_core.factory.endpoint.pace import Paced
from vac_core.factory.endpoint.rules import Acquaintances
from vac_core.factory.endpoint.vacmon import VacMon
from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Home, PeerFinder, PluginError, SpaceView
from vac_core.model import FactoryReport, Health, HealthState
from vac_core.vacquery.messages import MessageError, Refusal, StatusChanged, encode, program_version
from vac_core.vacquery.reports import factory_report

_log = logging.getLogger(__name__)

_HINTS: Final = Limits(source_rate=5.0, source_burst=10.0)
_SECONDS_BETWEEN_HINTS: Final = 0.2
_DUE: Final = 0.9
"""Part of poll_seconds after which a poll asks all peers, whatever hints there are."""


class StaticPeers(PeerFinder):
    """Asks the factories of the site file, answers them, and tells them when it is worth asking again.

    Peers that sent a hint are asked alone, between the polls that ask all: a change costs as many queries as there are
    factories, not their square. Settings are followed while it runs.
    """

    name = "static"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._reports: dict[str, FactoryReport] = {}
        self._hinted: set[str] = set()
        self._hosts: Mapping[str, frozenset[str]] = {}
        self._silent: tuple[str, ...] = ()
        self._asked_all = float("-inf")
        self._trouble = ""
        self._responder: Responder | None = None

    async def open(self, home: Home, snapshot: Callable[[], SpaceView], changed: Callable[[], None]) -> None:
        """Listen at vacquery_address and vacquery_port; raises `PluginError` if that, or the key file, cannot be."""
        settings = home.settings()
        self._home, self._snapshot = home, snapshot
        self._known = Acquaintances(home.factory, home.space, settings)
        self._hints = Meter(_HINTS)
        self._changed = Paced(changed, _SECONDS_BETWEEN_HINTS)
        self._announcement = Paced(self._tell, _SECONDS_BETWEEN_HINTS)
        self._vacmon = VacMon(home.space, snapshot())
        responder = Responder(self._known.rules(settings), snapshot, news=self._hint, clock=self._clock)
        await responder.listen(settings.vacquery_address, settings.vacquery_port)
        self._responder, self._bound = responder, _bound(settings)
        self._learn(settings)
        self._looking_up = asyncio.create_task(self._look_up())

    async def gather(self) -> Iterable[FactoryReport]:
        """Ask all peers, or only those that sent hints if all were asked a short while ago."""
        settings = self._home.settings()
        await self._follow(settings)
        peers = self._known.peers(settings)
        began = asyncio.get_running_loop().time()
        everyone = not self._hinted or began - self._asked_all >= _DUE * settings.poll_seconds
        asked = peers if everyone else tuple(peer for peer in peers if peer.name in self._hinted)
        self._hinted.clear()
        self._forget_all_but({peer.name for peer in peers})
        await self._ask(asked, settings)
        if everyone:
            self._asked_all = began
            await self._vacmon.push(settings, self._snapshot(), self._clock(), self._known.book)
        return list(self._reports.values())

    async def announce(self) -> None:
        """Tell peers that it is worth asking; many calls in a short time make two hints at most."""
        self._announcement.poke()

    async def close(self) -> None:
        """Stop answering."""
        if self._responder is None:
            return
        self._responder.close()
        self._changed.cancel()
        self._announcement.cancel()
        self._looking_up.cancel()
        await asyncio.gather(self._looking_up, return_exceptions=True)

    def silent(self) -> Sequence[str]:
        """Names of peers that did not answer when they were last asked."""
        return self._silent

    def health(self) -> Health:
        """What hinders it, and how much it answered and refused."""
        if self._trouble:
            return Health(HealthState.DEGRADED, self._trouble, "mend it in the site file: it is tried at each poll")
        if self._responder is None:
            return Health()
        refused = ", ".join(f"{reason}: {count}" for reason, count in self._responder.refusals.items())
        return Health(found=f"answered {self._responder.answered} queries; refused {refused or 'none'}")

    async def _ask(self, asked: Sequence[Peer], settings: Settings) -> None:
        manner = Manner(
            require=self._known.require,
            source=settings.vacquery_address,
            program="vacd-factory",
            lapsed=self._silent,
            book=self._known.book,
            clock=self._clock,
        )
        replies = await query(
            "machinetypes",
            asked,
            space=self._home.space,
            port=settings.vacquery_port,
            deadline=settings.udp_timeout_seconds,
            key=self._known.key,
            manner=manner,
        )
        names = {peer.name for peer in asked}
        self._silent = tuple(sorted(set(replies.silent) | (set(self._silent) - names)))
        for name in names:
            self._reports.pop(name, None)
            if name not in replies.silent:
                self._reports[name] = factory_report(name, replies.statuses.get(name, ()), self._clock())
        self._learn(settings)

    async def _follow(self, settings: Settings) -> None:
        """Take changed settings over; what is wrong with them leaves things as they were, and is told by `health`."""
        trouble = ""
        try:
            self._known.follow(settings)
            if _bound(settings) != self._bound:
                await self._responding().listen(settings.vacquery_address, settings.vacquery_port)
                self._bound = _bound(settings)
        except PluginError as error:
            trouble = str(error)
            if trouble != self._trouble:
                _log.error("%s", trouble)
        self._trouble = trouble

    def _forget_all_but(self, names: set[str]) -> None:
        self._reports = {name: report for name, report in self._reports.items() if name in names}
        self._silent = tuple(name for name in self._silent if name in names)

    def _responding(self) -> Responder:
        if self._responder is None:
            raise PluginError("the peer finder static is not open")
        return self._responder

    async def _look_up(self) -> None:
        """Find the addresses of those who may ask before this factory asks them itself."""
        await self._known.look_up(self._home.settings())
        self._learn(self._home.settings())

    def _learn(self, settings: Settings) -> None:
        self._hosts = self._known.hosts(settings)
        self._responding().rules = self._known.rules(settings)

    def _hint(self, message: StatusChanged, source: str) -> None:
        name = message.factory.lower()
        if source not in self._hosts.get(name, ()):
            raise MessageError(Refusal.STRANGER, f"{name} at {source}")
        if message.to and message.to != self._home.factory:
            raise MessageError(Refusal.OTHER_FACTORY, message.to)
        self._hints.take(source, 1, asyncio.get_running_loop().time())
        self._hinted.add(name)
        self._changed.poke()

    def _tell(self) -> None:
        settings = self._home.settings()
        for peer in self._known.peers(settings):
            for address in self._known.book.known(peer, settings.vacquery_port)[:1]:
                self._responding().send(encode(self._hint_to(peer.name)), address.target)

    def _hint_to(self, factory: str) -> StatusChanged:
        return StatusChanged(
            cookie="0",
            space=self._home.space,
            factory=self._home.factory,
            time_sent=int(self._clock()),
            daemon_version=program_version("vacd-factory"),
            to=factory,
        )


def _bound(settings: Settings) -> tuple[str, int]:
    """Where the responder is to listen."""
    return settings.vacquery_address, settings.vacquery_port


@hookimpl
def vac_peer_finders() -> Iterable[PeerFinder]:
    """Offer the finder of listed peers."""
    return [StaticPeers()]
