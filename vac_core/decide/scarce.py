"""Resources of which a host has only so much, such as devices: counted before a machine is promised."""

from __future__ import annotations

from collections.abc import Iterator

from vac_core.decide.room import largest_machine
from vac_core.situation import Situation, Veto


def scarcity_vetoes(situation: Situation) -> Iterator[Veto]:
    """Machinetypes whose next machine needs more of a resource than is left, with what would be needed.

    Every machine that is alive counts, also those that this very decision has chosen: one that has only been planned
    will want its part as surely as one that runs.
    """
    demands = situation.resources.demands
    if not demands:
        return
    left = _left(situation)
    room = min(largest_machine(situation), situation.free_processors)
    for name, machinetype in situation.machinetypes.items():
        processors = max(machinetype.min_processors, min(machinetype.max_processors, room))
        for resource, demand in demands.get(name, {}).items():
            need, there = demand.of(processors), left.get(resource, 0)
            if need > there:
                yield Veto(machinetype=name, reason=f"needs {need} and {max(0, there)} are left of: {resource}")


def _left(situation: Situation) -> dict[str, int]:
    """What no machine holds of each resource."""
    left = dict(situation.resources.capacity)
    for machine in situation.machines:
        for resource, demand in situation.resources.demands.get(machine.machinetype, {}).items():
            left[resource] = left.get(resource, 0) - demand.of(machine.processors)
    return left
