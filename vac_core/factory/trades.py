"""Which of the site's machinetypes can be made here now, with what, and why not the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import attrs

from vac_core.config.schema import MachineType, Site
from vac_core.factory.binding import Binding, UnboundError, bind
from vac_core.factory.crew import Crew
from vac_core.factory.faults import Faults, Hold


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

    def trades(self, site: Site, now: float) -> Trades:
        """What can be made now."""
        self._bind_all(site)
        if self._crew.unjudged:
            return Trades({}, dict.fromkeys(site.machinetypes, self._crew.unjudged) | dict(site.disabled))
        disabled = {**self._unbound, **site.disabled}
        for machinetype in site.machinetypes.values():
            hold = self._faults.holds(machinetype, now)
            if hold is not None and machinetype.name not in disabled:
                disabled[machinetype.name] = _told(hold)
        return Trades({name: one for name, one in self._bindings.items() if name not in disabled}, disabled)

    def _bind_all(self, site: Site) -> None:
        key = (site, dict(self._crew.unusable))
        if self._key is not None and self._key[0] is site and self._key[1] == key[1]:
            return
        self._key, self._bindings, self._unbound = key, {}, {}
        for machinetype in site.machinetypes.values():
            self._bind_one(machinetype)

    def _bind_one(self, machinetype: MachineType) -> None:
        crew = self._crew
        try:
            self._bindings[machinetype.name] = bind(machinetype, crew.hypervisors, crew.contextualisers, crew.unusable)
        except UnboundError as error:
            self._unbound[machinetype.name] = str(error)


def _told(hold: Hold) -> str:
    if hold.until is None:
        return f"{hold.reason} (it is tried again when its options change)"
    when = dt.datetime.fromtimestamp(hold.until, dt.UTC).strftime("%H:%M:%S UTC")
    return f"{hold.reason} (it is tried again at {when})"
