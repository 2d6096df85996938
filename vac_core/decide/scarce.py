"""Resources of which a host has only so much, such as devices: counted before a machine is promised.

Every machine that is alive counts, also those that this very decision has chosen: one that has only been planned will
want its part as surely as one that runs.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from vac_core.situation import Situation, Veto


@attrs.frozen
class Scarcity:
    """What resources leave of machinetypes at one moment."""

    vetoes: tuple[Veto, ...]
    """Of those whose smallest machine needs more than is left, with what would be needed."""
    sizes: Mapping[str, int]
    """By machinetype: for how many processors there is enough of each resource, where there is for its smallest."""


def scarcity(situation: Situation) -> Scarcity:
    """Compare what machinetypes take with what no machine holds."""
    vetoes: list[Veto] = []
    sizes: dict[str, int] = {}
    left = _left(situation)
    for name, machinetype in situation.machinetypes.items():
        for resource, demand in situation.resources.demands.get(name, {}).items():
            need, there = demand.of(machinetype.min_processors), left.get(resource, 0)
            if need > there:
                reason = f"needs {need} and {max(0, there)} are left of: {resource}"
                vetoes.append(Veto(machinetype=name, reason=reason))
            elif demand.per_processor:
                enough = (there - demand.per_machine) // demand.per_processor
                sizes[name] = min(enough, sizes.get(name, enough))
    return Scarcity(tuple(vetoes), sizes)


def _left(situation: Situation) -> dict[str, int]:
    """What no machine holds of each resource."""
    left = dict(situation.resources.capacity)
    for machine in situation.machines:
        for resource, demand in situation.resources.demands.get(machine.machinetype, {}).items():
            left[resource] = left.get(resource, 0) - demand.of(machine.processors)
    return left
