"""Which of the site's machinetypes can be made here now, with what, and why not the others."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Final

import attrs

from vac_core.config.schema import MachineType, Site
from vac_core.factory.binding import Binding, bind
from vac_core.factory.calls import Calls
from vac_core.factory.crew import Crew
from vac_core.factory.faults import Faults, Hold
from vac_core.interfaces import PluginError

CHECK_DEADLINE_SECONDS: Final = 30.0
_UNCHECKED: Final = "it is not yet checked with its plugins"


@attrs.frozen
class Trades:
    """The machinetypes of one moment."""

    bindings: Mapping[str, Binding]
    """Of each machinetype that can be made: with what."""
    disabled: Mapping[str, str]
    """Of each of the others: why not."""


class TradeBook:
    """Binds machinetypes anew when the site or the crew's health changes, not at every pass."""

    def __init__(self, crew: Crew, faults: Faults) -> None:
        self._crew = crew
        self._faults = faults
        self._key: tuple[Site, Mapping[str, str]] | None = None
        self._bindings: dict[str, Binding] = {}
        self._unbound: dict[str, str] = {}

    @property
    def bindings(self) -> Mapping[str, Binding]:
        """Of each machinetype that has a hypervisor and a contextualiser here: with what it is made."""
        return self._bindings

    def trades(self, site: Site, now: float, refusals: Mapping[str, str]) -> Trades:
        """What can be made now; ``refusals`` are machinetypes that their hypervisor will not make, with the reasons."""
        if self._crew.unjudged:
            return Trades({}, dict.fromkeys(site.machinetypes, self._crew.unjudged) | dict(site.disabled))
        unchecked = site.machinetypes.keys() - self._bindings.keys() - self._unbound.keys()
        refused = {name: why for name, why in refusals.items() if name in self._bindings}
        disabled = {**dict.fromkeys(unchecked, _UNCHECKED), **refused, **self._unbound, **site.disabled}
        for machinetype in site.machinetypes.values():
            hold = self._faults.holds(machinetype, now)
            if hold is not None and machinetype.name not in disabled:
                disabled[machinetype.name] = _told(hold)
        able = site.machinetypes.keys() - disabled.keys()
        return Trades({name: one for name, one in self._bindings.items() if name in able}, disabled)

    async def refresh(self, site: Site, calls: Calls) -> None:
        """Bind all machinetypes anew if the site or the crew's health has changed; plugins' checks run in threads."""
        key = (site, dict(self._crew.unusable))
        if self._key is not None and self._key[0] is site and self._key[1] == key[1]:
            return
        found = await asyncio.gather(*(self._bind(one, calls) for one in site.machinetypes.values()))
        bound = dict(zip(site.machinetypes, found, strict=True))
        self._bindings = {name: one for name, one in bound.items() if isinstance(one, Binding)}
        self._unbound = {name: one for name, one in bound.items() if isinstance(one, str)}
        self._key = key

    async def _bind(self, machinetype: MachineType, calls: Calls) -> Binding | str:
        crew = self._crew
        find = partial(bind, machinetype, crew.hypervisors, crew.contextualisers, crew.unusable)
        try:
            return await calls(find, deadline=CHECK_DEADLINE_SECONDS, what=f"checking machinetype {machinetype.name}")
        except PluginError as error:
            return str(error)


def _told(hold: Hold) -> str:
    if hold.until is None:
        return f"{hold.reason} (it is tried again when its options change)"
    when = dt.datetime.fromtimestamp(hold.until, dt.UTC).strftime("%H:%M:%S UTC")
    return f"{hold.reason} (it is tried again at {when})"
