"""The plugin objects that a factory works with: those in use, started, with each one's trouble kept to itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final, TypeVar

import attrs

from vac_core.config.schema import MachineType, Settings
from vac_core.factory.calls import Calls
from vac_core.factory.state_dir import StateDir, plugin_home
from vac_core.interfaces import Contextualiser, Home, Hypervisor, Named, Observer, PeerFinder, PluginError, Policy
from vac_core.model import Health, HealthState, Machine
from vac_core.plugins import Registry

_log = logging.getLogger(__name__)

START_DEADLINE_SECONDS: Final = 60.0
HEALTH_DEADLINE_SECONDS: Final = 30.0

_POLICIES: Final = "[settings] policies"
_JUDGED_BY_HEALTH: Final = ("hypervisor", "contextualiser")

N = TypeVar("N", bound=Named)


@attrs.define
class Crew:
    """Objects in use by name, and the reasons of those that cannot be used."""

    hypervisors: Mapping[str, Hypervisor]
    contextualisers: Mapping[str, Contextualiser]
    policies: list[Policy]
    peer_finders: list[PeerFinder]
    observers: list[Observer]
    failed: dict[str, str] = attrs.field(factory=dict)
    """Objects that could not be started, as ``policy backoff``, each with its reason; unused until the next start."""
    missing: tuple[str, ...] = ()
    """A line for each name in the site files that no plugin provides."""
    unhealthy: dict[str, str] = attrs.field(factory=dict)
    """Objects that say that they cannot work now, each with what they found and the mend."""

    @property
    def unusable(self) -> dict[str, str]:
        """Why an object cannot be used now, by its kind and name, such as ``hypervisor docker``."""
        return {**self.unhealthy, **self.failed}

    def started(self, kind: str, one: Named) -> bool:
        """Whether an object is to be used."""
        return f"{kind} {one.name}" not in self.failed

    @property
    def in_use(self) -> list[Hypervisor]:
        """The hypervisors that were started."""
        return [one for one in self.hypervisors.values() if self.started("hypervisor", one)]

    def unneeded(self, machinetypes: Iterable[MachineType], machines: Iterable[Machine]) -> frozenset[str]:
        """Names of hypervisors of which the site wants nothing and that have no machine: they may be as they are."""
        models, named = {one.machine_model for one in machinetypes}, {one.hypervisor for one in machines}
        return frozenset(
            name for name, one in self.hypervisors.items() if not one.machine_models & models and name not in named
        )

    @property
    def unjudged(self) -> str:
        """Why no machinetype may start: a policy that the site wants is not there. Empty where all are."""
        absent = [line for line in self.missing if line.startswith(_POLICIES)]
        wanted = [f"policy {one.name}" for one in self.policies]
        absent += [f"{one}: {self.failed[one]}" for one in wanted if one in self.failed]
        return "; ".join(absent)

    async def start(self, home: Home, state: StateDir, registry: Registry, calls: Calls) -> None:
        """Start every object in a thread; those that fail are left out, with the reason in `failed`."""
        for kind, objects in self._by_kind().items():
            for one in objects:
                await self._start_one(kind, one, home, state, registry, calls)
        self.peer_finders = [one for one in self.peer_finders if self.started("peer_finder", one)]
        self.observers = [one for one in self.observers if self.started("observer", one)]

    def _by_kind(self) -> dict[str, list[Named]]:
        return {
            "hypervisor": list(self.hypervisors.values()),
            "contextualiser": list(self.contextualisers.values()),
            "policy": list(self.policies),
            "peer_finder": list(self.peer_finders),
            "observer": list(self.observers),
        }

    async def _start_one(
        self, kind: str, one: Named, home: Home, state: StateDir, registry: Registry, calls: Calls
    ) -> None:
        try:
            own = attrs.evolve(
                plugin_home(state, kind, one.name, home),
                options=partial(options_of_plugin, home, registry.owners.get((kind, one.name), one.name)),
            )
            await calls(partial(one.start, own), deadline=START_DEADLINE_SECONDS, what=f"starting {kind} {one.name}")
        except (PluginError, OSError) as error:
            self.failed[f"{kind} {one.name}"] = str(error)
            _log.error("%s %s is not used: %s", kind, one.name, error)

    async def check_health(self, calls: Calls) -> None:
        """Ask every hypervisor and contextualiser whether it can work."""
        for kind, objects in self._by_kind().items():
            for one in objects:
                if kind in _JUDGED_BY_HEALTH and self.started(kind, one):
                    await self._check_one(f"{kind} {one.name}", one, calls)

    async def _check_one(self, who: str, one: Named, calls: Calls) -> None:
        try:
            ask, what = partial(_ailment, one), f"the health check of {who}"
            reason = await calls(ask, deadline=HEALTH_DEADLINE_SECONDS, what=what)
        except PluginError as error:
            reason = str(error)
        if reason and self.unhealthy.get(who) != reason:
            _log.error("%s cannot be used now: %s", who, reason)
        if reason:
            self.unhealthy[who] = reason
        else:
            self.unhealthy.pop(who, None)

    async def stop(self, calls: Calls) -> None:
        """Stop every object that was started; machines go on running."""
        for kind, objects in self._by_kind().items():
            for one in objects:
                if not self.started(kind, one):
                    continue
                try:
                    await calls(one.stop, deadline=START_DEADLINE_SECONDS, what=f"stopping {kind} {one.name}")
                except PluginError as error:
                    _log.warning("%s", error)


def _ailment(one: Named) -> str:
    """Why an object cannot be used, by its own word; empty where it can."""
    health = one.health()
    if not isinstance(health, Health):
        raise PluginError(f"its health check gave {type(health).__name__}, not Health")
    return f"{health.found}: {health.mend}" if health.state is HealthState.UNUSABLE else ""


def options_of_plugin(home: Home, plugin: str) -> object:
    """A plugin's own section of the site files as it is now."""
    return home.options().get(plugin)


def muster(registry: Registry, settings: Settings) -> Crew:
    """Pick what the site names."""
    missing: list[str] = []

    def pick(kind: str, names: Iterable[str], offered: Mapping[str, N]) -> list[N]:
        missing.extend(
            f"{kind}: no plugin provides '{name}' (there are: {', '.join(sorted(offered)) or 'none'})"
            for name in names
            if name not in offered
        )
        return [offered[name] for name in names if name in offered]

    policies = pick(_POLICIES, settings.policies, registry.policies)
    peer_finders = pick("[settings] peer_finders", settings.peer_finders, registry.peer_finders)
    return Crew(
        hypervisors=registry.hypervisors,
        contextualisers=registry.contextualisers,
        policies=policies,
        peer_finders=peer_finders,
        observers=list(registry.observers.values()),
        missing=tuple(missing),
    )
