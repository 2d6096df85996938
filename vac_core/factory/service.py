"""The HTTP service for machines beside a factory: who its guests are, and where it can be reached."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from hmac import compare_digest
from typing import Final

import attrs

from vac_core.config.schema import Settings
from vac_core.factory.maker import ADDRESS
from vac_core.factory.roster import Roster
from vac_core.factory.state_dir import StateDir
from vac_core.factory.web.application import build
from vac_core.factory.web.guests import Guest
from vac_core.factory.web.listener import Listener, ListenError, ready
from vac_core.interfaces import SpaceView
from vac_core.model import Machine

_log = logging.getLogger(__name__)

_ANY: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognised here, not bound to
"""Addresses that are no place to find anybody at: machines are told the host's name in their place."""


_HEARTBEATS: Final = ("mjf_heartbeat_time", "metadata_heartbeat_time")
"""Of Vac 3's two services for machines, which are one here."""


class RosterGuests:
    """The factory's machines as guests of its HTTP service."""

    def __init__(self, roster: Roster, state: StateDir) -> None:
        self._roster = roster
        self._state = state

    def by_address(self, address: str) -> Guest | None:
        """The machine that has an address to itself."""
        machine = next((one for one in self._roster.alive if one.details.get(ADDRESS) == address), None)
        return None if machine is None else self._guest(machine, "")

    def by_token(self, token: str) -> Guest | None:
        """The machine whose URLs hold a token."""
        asked = token.encode(errors="surrogatepass")
        machine = next((one for one in self._roster.alive if compare_digest(one.token.encode(), asked)), None)
        return None if machine is None else self._guest(machine, f"/machines/{machine.token}")

    def _guest(self, machine: Machine, base: str) -> Guest:
        return Guest(machine_id=machine.id, directory=self._state.machine(machine.id), http_base=base)


class Service:
    """The HTTP service of one factory; without it the factory goes on, and `trouble` says why."""

    def __init__(self) -> None:
        self._listener: Listener | None = None
        self._address = ""
        self.trouble: str | None = None
        self._heartbeat = 0.0
        self._view: SpaceView | None = None
        self._shown: SpaceView | None = None

    @property
    def listener(self) -> Listener:
        """What listens, once it is started: for those who know of further doors."""
        if self._listener is None:
            raise RuntimeError("the service was not started")
        return self._listener

    @property
    def url(self) -> str:
        """Where it is reached, with no slash at the end; empty while it does not listen."""
        if self._listener is None or self.trouble:
            return ""
        address = f"[{self._address}]" if ":" in self._address else self._address
        return f"http://{address}:{self._listener.port}"

    def shown(self, view: SpaceView, now: float) -> SpaceView:
        """A snapshot of the factory, with when this service last listened anywhere: 0 if it never did.

        Of one snapshot there is one such, for answers that are made of it are kept.
        """
        if self._shown is None or view is not self._view:
            if self._listener is not None and self._listener.doors:
                self._heartbeat = now
            beats = dict.fromkeys(_HEARTBEATS, int(self._heartbeat))
            self._view, self._shown = view, attrs.evolve(view, status={**view.status, **beats})
        return self._shown

    async def start(self, roster: Roster, state: StateDir, settings: Callable[[], Settings]) -> None:
        """Listen where the settings say."""
        now = settings()
        self._address = socket.getfqdn() if now.http_address in _ANY else now.http_address
        self._listener = await ready(build(RosterGuests(roster, state), settings))
        try:
            await self._listener.open((now.http_address, now.http_port))
        except ListenError as error:
            self.trouble = str(error)
            _log.error("%s", error)

    async def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            await self._listener.close()
