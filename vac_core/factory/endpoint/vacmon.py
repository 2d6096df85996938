"""Telling VacMon servers how this factory fares: messages that nobody asked for, with cookie ``0``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from vac_core.config.read import Peer
from vac_core.config.schema import Settings
from vac_core.factory.endpoint.names import AddressBook
from vac_core.factory.endpoint.sockets import asking
from vac_core.interfaces import SpaceView
from vac_core.vacquery.messages import MessageError, Status, encode
from vac_core.vacquery.snapshot import Sender, factory_status, machine_status, machinetype_statuses

_log = logging.getLogger(__name__)


class VacMon:
    """Sends statuses to VacMon servers; that one cannot be reached is logged and has no other effect."""

    def __init__(self, space: str, seen: SpaceView) -> None:
        self._space = space
        self._ended = _ended(seen)

    async def push(self, settings: Settings, view: SpaceView, now: float, book: AddressBook) -> None:
        """Tell vacmon_hostport of the factory, its machinetypes, and the machines that ended since last time.

        ``now`` is in Unix seconds. It takes udp_timeout_seconds at most.
        """
        sender = Sender(space=self._space, now=now, program="vacd-factory")
        statuses = [factory_status(view, sender), *machinetype_statuses(view, sender), *self._news(view, sender)]
        self._ended = _ended(view)
        for host, port in settings.vacmon_hostport:
            try:
                async with asyncio.timeout(settings.udp_timeout_seconds):
                    await _send([encode(status) for status in statuses], host, port, book)
            except (OSError, TimeoutError, MessageError) as error:
                _log.warning(
                    "VacMon at %s:%d cannot be told: %s", host, port, error or "its name was not found in time"
                )

    def _news(self, view: SpaceView, sender: Sender) -> Iterator[Status]:
        news = _ended(view) - self._ended
        return (machine_status(view, one, len(view.machines), sender) for one in view.machines if one.id in news)


def _ended(view: SpaceView) -> frozenset[str]:
    return frozenset(machine.id for machine in view.machines if not machine.alive)


async def _send(messages: Sequence[bytes], host: str, port: int, book: AddressBook) -> None:
    for address in await book.of(Peer(host, host, port), port):
        own = asking(address.family, "")
        if own is None:
            continue
        with own:
            for message in messages:
                own.sendto(message, address.target)
        return
    raise OSError("this host cannot send to any of its addresses")
