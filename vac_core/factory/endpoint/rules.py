"""Which addresses belong to whom, and what rules for the responder follow from the site file."""

from __future__ import annotations

import asyncio
from typing import Final

from vac_core.config.read import Peer
from vac_core.config.schema import Settings
from vac_core.factory.endpoint.key import read_key
from vac_core.factory.endpoint.names import AddressBook
from vac_core.factory.endpoint.responder import Rules
from vac_core.factory.endpoint.sockets import specific
from vac_core.interfaces import PluginError
from vac_core.vacquery.peers import others

_LOOPBACKS: Final = frozenset({"127.0.0.1", "::1"})
"""What this host's own commands ask from, where the site file names no address."""


class Acquaintances:
    """Addresses of the space's factories, as far as they are known, and the space's key."""

    def __init__(self, factory: str, space: str, settings: Settings) -> None:
        self.book = AddressBook()
        self._factory = factory
        self._space = space
        self.key: bytes | None = None
        self.require = False
        self.follow(settings)

    def follow(self, settings: Settings) -> None:
        """Take changed settings over; raises `PluginError`, and keeps key and demand, if the key is not right."""
        key = read_key(settings.vacquery_key_file)
        require = settings.vacquery_auth == "require"
        if require and key is None:
            raise PluginError("vacquery_auth = require needs a key: set vacquery_key_file, or vacquery_auth = optional")
        self.key, self.require = key, require

    def peers(self, settings: Settings) -> tuple[Peer, ...]:
        """The space's other factories."""
        return others(settings.factories, self._factory)

    async def look_up(self, settings: Settings) -> None:
        """Find the addresses of all who may ask, this factory's own commands included."""
        everyone = (self._own(settings), *self.peers(settings))
        await asyncio.gather(*(self.book.of(peer, settings.vacquery_port) for peer in everyone), return_exceptions=True)

    def hosts(self, settings: Settings) -> dict[str, frozenset[str]]:
        """The known addresses of the peers, by their names."""
        return self.book.hosts(self.peers(settings), settings.vacquery_port)

    def rules(self, settings: Settings) -> Rules:
        """Whom the responder is to answer."""
        allowed = self._allowed(settings) if settings.vacquery_allow == "factories" else None
        return Rules(space=self._space, allowed=allowed, key=self.key, require=self.require)

    def _allowed(self, settings: Settings) -> frozenset[str]:
        own = self.book.hosts([self._own(settings)], settings.vacquery_port)
        hosts = (own | self.hosts(settings)).values()
        return frozenset[str]().union(*hosts) | (frozenset() if specific(settings.vacquery_address) else _LOOPBACKS)

    def _own(self, settings: Settings) -> Peer:
        return Peer(self._factory, specific(settings.vacquery_address) or self._factory)
