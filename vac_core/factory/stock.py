"""What the hypervisors have of scarce resources, as they last told, and what they refuse to make for now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any, Final

from vac_core.config.schema import MachineType
from vac_core.factory.binding import Binding
from vac_core.factory.calls import Calls
from vac_core.interfaces import Hypervisor, PluginError
from vac_core.powers import Demand, HasResources, Resources

_log = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 10.0


class Stock:
    """Asks hypervisors that have the power `HasResources` for what they have, and puts their answers together."""

    def __init__(self, hypervisors: Mapping[str, Hypervisor], calls: Calls) -> None:
        self._hypervisors = {name: one for name, one in hypervisors.items() if isinstance(one, HasResources)}
        self._calls = calls
        self._told: dict[str, Resources] = {}
        self._asked: dict[str, tuple[MachineType, ...]] = {}

    @property
    def resources(self) -> Resources:
        """All there is. What two hypervisors call by one name is one thing, lent by one of them at a time."""
        capacity: dict[str, int] = {}
        demands: dict[str, Mapping[str, Demand]] = {}
        refusals: dict[str, str] = {}
        for told in self._told.values():
            for name, amount in told.capacity.items():
                capacity[name] = min(amount, capacity.get(name, amount))
            demands.update(told.demands)
            refusals.update(told.refusals)
        return Resources(capacity=capacity, demands=demands, refusals=refusals)

    async def refresh(
        self, changed: Collection[str], bindings: Mapping[str, Binding], site: Mapping[str, MachineType]
    ) -> None:
        """Ask those hypervisors that have changed, and those whose machinetypes have."""
        await asyncio.gather(*(self._ask(name, changed, bindings, site) for name in self._hypervisors))

    async def _ask(
        self, name: str, changed: Collection[str], bindings: Mapping[str, Binding], site: Mapping[str, MachineType]
    ) -> None:
        own = tuple(site[one] for one, binding in bindings.items() if binding.hypervisor.name == name)
        if name not in changed and self._asked.get(name) == own:
            return
        self._asked[name] = own
        what = f"hypervisor {name}, asked for its resources,"
        try:
            self._told[name] = await self._calls(
                partial(_told, self._hypervisors[name], own), deadline=DEADLINE_SECONDS, what=what
            )
        except PluginError as error:
            _log.error("%s", error)
            self._told[name] = Resources(refusals=dict.fromkeys((one.name for one in own), str(error)))


def _told(hypervisor: Any, machinetypes: Iterable[MachineType]) -> Resources:
    told = hypervisor.resources(tuple(machinetypes))
    if not isinstance(told, Resources):
        raise PluginError(f"hypervisor {hypervisor.name} told {type(told).__name__}, not Resources")
    for name, amount in told.capacity.items():
        if type(amount) is not int or amount < 0:
            raise PluginError(
                f"hypervisor {hypervisor.name} told {amount!r} of {name}: a whole number from 0 on is due"
            )
    return told
