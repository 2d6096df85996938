"""Which hypervisor and contextualiser a machinetype is made with, or why it cannot be made on this host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from vac_core.config.schema import MachineType
from vac_core.context.delivery import DELIVERIES, Delivery
from vac_core.interfaces import Contextualiser, Hypervisor, PluginError
from vac_core.powers import DeliversContexts


@attrs.frozen
class Binding:
    """A machinetype's hypervisor and contextualiser."""

    hypervisor: Hypervisor
    contextualiser: Contextualiser
    delivery: Delivery | None = None
    """How its machines get their contexts, where its hypervisor has several ways."""


class UnboundError(PluginError):
    """The machinetype cannot be made here; each of the reasons says why and what would mend it."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def bind(
    machinetype: MachineType,
    hypervisors: Mapping[str, Hypervisor],
    contextualisers: Mapping[str, Contextualiser],
    unusable: Mapping[str, str],
) -> Binding:
    """Find what a machinetype is made with.

    ``unusable`` gives, by kind and name as in ``hypervisor docker``, the reason why an object of either kind cannot be
    used now. Raises `UnboundError`.
    """
    hypervisor = _hypervisor(machinetype, hypervisors)
    contextualiser = contextualisers.get(machinetype.contextualiser)
    if contextualiser is None:
        known = ", ".join(sorted(contextualisers)) or "none"
        raise UnboundError(
            f"no plugin provides the contextualiser '{machinetype.contextualiser}' (there are: {known}): "
            "install its plugin or mend the option contextualiser"
        )
    for one in (f"hypervisor {hypervisor.name}", f"contextualiser {contextualiser.name}"):
        if one in unusable:
            raise UnboundError(f"{one}: {unusable[one]}")
    problems = _checked(machinetype, (hypervisor, contextualiser))
    if problems:
        raise UnboundError(*problems)
    return Binding(hypervisor, contextualiser, _delivery(hypervisor, machinetype))


def _delivery(hypervisor: Hypervisor, machinetype: MachineType) -> Delivery | None:
    if not isinstance(hypervisor, DeliversContexts):
        return None
    try:
        return DELIVERIES[hypervisor.delivery_of(machinetype)]
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        raise UnboundError(f"hypervisor {hypervisor.name} does not say how contexts are delivered: {what}") from error


def _hypervisor(machinetype: MachineType, hypervisors: Mapping[str, Hypervisor]) -> Hypervisor:
    model = machinetype.machine_model
    offering = {name: one for name, one in sorted(hypervisors.items()) if model in one.machine_models}
    if not offering:
        models = ", ".join(sorted({model for one in hypervisors.values() for model in one.machine_models})) or "none"
        raise UnboundError(
            f"no installed plugin makes machines of the machine_model '{model}' (there are: {models}): "
            "install the plugin that does, such as with pip install"
        )
    if machinetype.hypervisor is not None:
        if machinetype.hypervisor not in offering:
            raise UnboundError(
                f"hypervisor '{machinetype.hypervisor}' is not one that makes '{model}': "
                f"set the option hypervisor to {' or '.join(offering)}"
            )
        return offering[machinetype.hypervisor]
    if len(offering) > 1:
        raise UnboundError(f"several hypervisors make '{model}': set the option hypervisor to {' or '.join(offering)}")
    return next(iter(offering.values()))


def _checked(machinetype: MachineType, objects: Iterable[Hypervisor | Contextualiser]) -> list[str]:
    problems: list[str] = []
    for one in objects:
        try:
            problems += map(str, one.check(machinetype))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's fault disables what depends on it, nothing else
            problems.append(f"{one.name} raised {type(error).__name__} on checking it: {error}")
    return problems
