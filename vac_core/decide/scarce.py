"""Resources of which a host has only so much, such as devices: counted before a machine is promised.

Every machine that is alive counts, also those that this very decision has chosen: one that has only been planned will
want its part as surely as one that runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vac_core.powers import Demand
from vac_core.situation import Situation, Veto


def scarcity_vetoes(situation: Situation) -> Iterator[Veto]:
    """Machinetypes whose smallest machine needs more of a resource than is left, with what would be needed."""
    for name, resource, demand, there in _wanted(situation):
        need = demand.of(situation.machinetypes[name].min_processors)
        if need > there:
            yield Veto(machinetype=name, reason=f"needs {need} and {max(0, there)} are left of: {resource}")


def affordable(situation: Situation) -> Mapping[str, int]:
    """By machinetype: for how many processors there is enough of each resource, where there is for its smallest."""
    found: dict[str, int] = {}
    for name, _, demand, there in _wanted(situation):
        if demand.per_processor and demand.of(situation.machinetypes[name].min_processors) <= there:
            enough = (there - demand.per_machine) // demand.per_processor
            found[name] = min(enough, found.get(name, enough))
    return found


def _wanted(situation: Situation) -> Iterator[tuple[str, str, Demand, int]]:
    """Each machinetype with each resource that it takes: the demand, and what no machine holds of it."""
    left = _left(situation)
    for name in situation.machinetypes:
        for resource, demand in situation.resources.demands.get(name, {}).items():
            yield name, resource, demand, left.get(resource, 0)


def _left(situation: Situation) -> dict[str, int]:
    """What no machine holds of each resource."""
    left = dict(situation.resources.capacity)
    for machine in situation.machines:
        for resource, demand in situation.resources.demands.get(machine.machinetype, {}).items():
            left[resource] = left.get(resource, 0) - demand.of(machine.processors)
    return left
