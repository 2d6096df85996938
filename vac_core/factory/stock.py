"""What there is of scarce resources, as plugins last told, and what they refuse to make for now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import attrs

from vac_core.config.schema import MachineType
from vac_core.factory.binding import Binding
from vac_core.factory.calls import Calls
from vac_core.interfaces import Contextualiser, Hypervisor, PluginError
from vac_core.powers import Demand, HasResources, Resources

_log = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 10.0


class Stock:
    """Asks hypervisors and contextualisers that have the power `HasResources`, and puts their answers together."""

    def __init__(self, makers: Iterable[Hypervisor | Contextualiser], calls: Calls) -> None:
        self._makers = [one for one in makers if isinstance(one, HasResources)]
        self._calls = calls
        self._told: dict[int, Resources] = {}
        self._asked: dict[int, tuple[MachineType, ...]] = {}

    @property
    def resources(self) -> Resources:
        """All there is. What two of them call by one name is one thing, lent by one of them at a time."""
        capacity: dict[str, int] = {}
        demands: dict[str, Mapping[str, Demand]] = {}
        refusals: dict[str, str] = {}
        for told in self._told.values():
            for name, amount in told.capacity.items():
                capacity[name] = min(amount, capacity.get(name, amount))
            for name, wanted in told.demands.items():
                demands[name] = {**demands.get(name, {}), **wanted}
            for name, why in told.refusals.items():
                refusals[name] = f"{refusals[name]}; {why}" if name in refusals else why
        return Resources(capacity=capacity, demands=demands, refusals=refusals)

    async def refresh(
        self, changed: Collection[str], bindings: Mapping[str, Binding], site: Mapping[str, MachineType]
    ) -> None:
        """Ask those that have changed, by name, and those whose machinetypes have."""
        asked = []
        for place, maker in enumerate(self._makers):
            own = tuple(site[name] for name, bound in bindings.items() if maker in attrs.astuple(bound, recurse=False))
            if maker.name in changed or self._asked.get(place) != own:
                self._asked[place] = own
                asked.append(self._ask(place, maker, own))
        await asyncio.gather(*asked)

    async def _ask(self, place: int, maker: Any, own: Sequence[MachineType]) -> None:
        kind = "hypervisor" if isinstance(maker, Hypervisor) else "contextualiser"
        what = f"{kind} {maker.name}, asked for its resources,"
        try:
            self._told[place] = await self._calls(partial(_told, maker, own), deadline=DEADLINE_SECONDS, what=what)
        except PluginError as error:
            _log.error("%s", error)
            self._told[place] = Resources(refusals=dict.fromkeys((one.name for one in own), str(error)))


def _told(maker: Any, machinetypes: Iterable[MachineType]) -> Resources:
    told = maker.resources(tuple(machinetypes))
    if not isinstance(told, Resources):
        raise PluginError(f"{maker.name} told {type(told).__name__}, not Resources")
    for name, amount in told.capacity.items():
        if type(amount) is not int or amount < 0:
            raise PluginError(f"{maker.name} told {amount!r} of {name}: a whole number from 0 on is due")
    return told
