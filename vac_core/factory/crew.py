"""The plugin objects that a factory works with: those in use, started, with each one's trouble kept to itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final, TypeVar

import attrs

from vac_core.config.schema import Settings
from vac_core.factory.calls import Calls
from vac_core.factory.state_dir import StateDir, plugin_home
from vac_core.interfaces import Contextualiser, Home, Hypervisor, Named, Observer, PeerFinder, PluginError, Policy
from vac_core.model import HealthState
from vac_core.plugins import Registry

_log = logging.getLogger(__name__)

START_DEADLINE_SECONDS: Final = 60.0
HEALTH_DEADLINE_SECONDS: Final = 30.0

_POLICIES: Final = "[settings] policies"

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
    """Objects that could not be started, each with its reason; they stay unused until the next start."""
    missing: tuple[str, ...] = ()
    """A line for each name in the site files that no plugin provides."""
    unhealthy: dict[str, str] = attrs.field(factory=dict)
    """Objects that say that they cannot work now, each with what they found and the mend."""

    @property
    def unusable(self) -> dict[str, str]:
        """Why an object cannot be used now, by name."""
        return {**self.unhealthy, **self.failed}

    @property
    def unjudged(self) -> str:
        """Why no machinetype may start: a policy that the site wants is not there. Empty where all are."""
        absent = [line for line in self.missing if line.startswith(_POLICIES)]
        absent += [f"policy {one.name}: {self.failed[one.name]}" for one in self.policies if one.name in self.failed]
        return "; ".join(absent)

    async def start(self, home: Home, state: StateDir, registry: Registry, calls: Calls) -> None:
        """Start every object in a thread; those that fail are left out, with the reason in `failed`."""
        for kind, objects in self._by_kind().items():
            for one in objects:
                await self._start_one(kind, one, home, state, registry, calls)
        self.peer_finders = self._started(self.peer_finders)
        self.observers = self._started(self.observers)

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
            self.failed[one.name] = str(error)
            _log.error("%s %s is not used: %s", kind, one.name, error)

    def _started(self, objects: Iterable[N]) -> list[N]:
        return [one for one in objects if one.name not in self.failed]

    async def check_health(self, calls: Calls) -> None:
        """Ask every hypervisor and contextualiser whether it can work."""
        for one in (*self.hypervisors.values(), *self.contextualisers.values()):
            if one.name not in self.failed:
                await self._check_one(one, calls)

    async def _check_one(self, one: Named, calls: Calls) -> None:
        try:
            health = await calls(one.health, deadline=HEALTH_DEADLINE_SECONDS, what=f"the health check of {one.name}")
        except PluginError as error:
            reason = str(error)
        else:
            reason = f"{health.found}: {health.mend}" if health.state is HealthState.UNUSABLE else ""
        if reason and self.unhealthy.get(one.name) != reason:
            _log.error("%s cannot be used now: %s", one.name, reason)
        if reason:
            self.unhealthy[one.name] = reason
        else:
            self.unhealthy.pop(one.name, None)

    async def stop(self, calls: Calls) -> None:
        """Stop every object that was started; machines go on running."""
        for kind, objects in self._by_kind().items():
            for one in objects:
                if one.name in self.failed:
                    continue
                try:
                    await calls(one.stop, deadline=START_DEADLINE_SECONDS, what=f"stopping {kind} {one.name}")
                except PluginError as error:
                    _log.warning("%s", error)


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
