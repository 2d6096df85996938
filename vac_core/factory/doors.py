"""Further doors of the HTTP service: the addresses at which machines with networks of their own look for it."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from vac_core.factory.calls import Calls
from vac_core.factory.web.listener import Door, Listener, ListenError, refused
from vac_core.interfaces import Hypervisor, PluginError
from vac_core.powers import ServesGuests

_log = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 10.0
_MEND: Final = "end what listens there, or let the factory bind to it"
_FREEBIND: Final = {4: (socket.IPPROTO_IP, 15), 6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and IPV6_FREEBIND, see ip(7): an address may be listened on before its network is up."""


class GuestDoors:
    """Keeps the service listening where hypervisors' machines look for it; `troubles` names doors that stay shut."""

    def __init__(self, listener: Listener, hypervisors: Iterable[Hypervisor], calls: Calls) -> None:
        self._listener = listener
        self._hypervisors = [one for one in hypervisors if isinstance(one, ServesGuests)]
        self._calls = calls
        self._opened: set[Door] = set()
        self.troubles: dict[str, str] = {}

    async def attend(self) -> None:
        """Open what is wanted and not yet open, and shut what is wanted no more."""
        self.troubles.clear()
        wanted = set[Door]()
        for one in self._hypervisors:
            wanted |= await self._wanted(one)
        for door in self._opened - wanted:
            self._opened.discard(door)
            self._listener.shut(door)
        for door in sorted(wanted - self._listener.doors):
            await self._open(door)

    async def _wanted(self, hypervisor: Any) -> AbstractSet[Door]:
        what = f"hypervisor {hypervisor.name}, asked for its service addresses,"
        try:
            asked = await self._calls(hypervisor.service_addresses, deadline=DEADLINE_SECONDS, what=what)
            return {(str(ipaddress.ip_address(address)), int(port)) for address, port in asked}
        except (PluginError, ValueError, TypeError) as error:
            self._trouble(f"http service of {hypervisor.name}", str(error))
            return self._opened  # what is open may be in use

    async def _open(self, door: Door) -> None:
        try:
            await self._listener.open(door, _bound(door), mend=_MEND)
        except ListenError as error:
            self._trouble(f"http service at {door[0]} port {door[1]}", str(error))
        else:
            self._opened.add(door)

    def _trouble(self, what: str, why: str) -> None:
        _log.error("%s: %s", what, why)
        self.troubles[what] = why


def _bound(door: Door) -> socket.socket:
    """A socket that is bound to an address which need not be up yet; raises `ListenError`."""
    version = ipaddress.ip_address(door[0]).version
    sock = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(*_FREEBIND[version], 1)
        sock.bind(door)
    except (OSError, OverflowError) as error:
        sock.close()
        raise refused(door, error if isinstance(error, OSError) else OSError(str(error)), _MEND) from error
    return sock


async def attend_for_ever(doors: GuestDoors, seconds: Callable[[], float], troubles: dict[str, str]) -> None:
    """Look after the doors again and again, ``seconds()`` apart; what is wrong stands in ``troubles``."""
    shown: Mapping[str, str] = {}
    while True:
        await doors.attend()
        for gone in shown.keys() - doors.troubles.keys():
            troubles.pop(gone, None)
        shown = dict(doors.troubles)
        troubles.update(shown)
        await asyncio.sleep(seconds())
