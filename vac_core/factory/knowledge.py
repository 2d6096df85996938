"""What the factory knows, put together as the values that decisions and answers are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from vac_core.config.schema import MachineType, Settings, Site
from vac_core.decide.reports import own_report
from vac_core.decide.totals import tally
from vac_core.factory.draining import Draining
from vac_core.factory.host import Host
from vac_core.factory.roster import Roster
from vac_core.interfaces import SpaceView
from vac_core.model import FactoryReport, MachineState
from vac_core.powers import Resources
from vac_core.situation import Situation

_HEARTBEATS = ("factory_heartbeat_time", "responder_heartbeat_time")
"""One process does what Vac 3 had four for; of what serves machines `vac_core.factory.service` tells."""

_RUNNING = frozenset({MachineState.RUNNING, MachineState.PAUSED, MachineState.STOPPING})


@attrs.frozen(kw_only=True)
class Knowledge:
    """Draws up situations and snapshots for one factory."""

    factory: str
    host: Host
    roster: Roster
    draining: Draining
    clock: Callable[[], float]

    def own_report(self, site: Site, now: float) -> FactoryReport:
        """What this factory tells of its own machines."""
        return own_report(
            self.factory, site.machinetypes, self.roster.alive, self.roster.latest_ends, now, site.settings
        )

    def situation(
        self,
        site: Site,
        machinetypes: Mapping[str, MachineType],
        disabled: Mapping[str, str],
        peers: Sequence[FactoryReport],
        resources: Resources,
        now: float,
    ) -> Situation:
        """Everything that a decision may look at."""
        drain = self.draining.in_force(site.settings)
        return Situation(
            now=now,
            factory=self.factory,
            settings=site.settings,
            machinetypes=machinetypes,
            disabled=disabled,
            machines=self.roster.alive,
            totals=tally([*peers, self.own_report(site, now)], now),
            factories_heard=1 + len(peers),
            capacity=self.host.capacity(site.settings),
            resources=resources,
            draining=drain.on,
            drain_until=drain.until,
            shutdown_time=self.draining.shutdown_time(site.settings),
        )

    def view(self, site: Site, now: float) -> SpaceView:
        """What other factories are answered from, until the next snapshot."""
        return SpaceView(
            own=self.own_report(site, now),
            machines=self.roster.last_in_slots,
            site=site.settings.gocdb_sitename or site.settings.vac_space.partition(".")[2] or site.settings.vac_space,
            status={**self.host.figures(), **self._sums(site.settings), **dict.fromkeys(_HEARTBEATS, int(now))},
        )

    def _sums(self, settings: Settings) -> dict[str, Any]:
        running = [machine for machine in self.roster.alive if machine.state in _RUNNING]
        processors = self.host.capacity(settings).processors
        return {
            "running_processors": sum(machine.processors for machine in running),
            "running_machines": len(running),
            "running_hs06": float(sum(machine.hs06 for machine in running)),
            "max_processors": processors,
            "max_machines": processors,
            "max_hs06": processors * (settings.hs06_per_processor or 1.0),
        }
