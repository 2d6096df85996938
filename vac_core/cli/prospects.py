"""Whether machines of a type can be made on this host, as its plugins see it, without a factory at work."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import attrs

from vac_core.cli.findings import within
from vac_core.config.schema import MachineType, Site
from vac_core.factory.binding import Binding, UnboundError, bind
from vac_core.plugins import Registry
from vac_core.powers import LooksAhead

_DEADLINE_SECONDS: Final = 30.0


@attrs.frozen(kw_only=True)
class Prospect:
    """What would come of an attempt to make one."""

    made_with: tuple[str, ...] = ()
    """Its hypervisor and contextualiser, as ``hypervisor process``; none where they are not known."""
    faults: tuple[str, ...] = ()
    """Why none can be made, whatever comes."""
    missing: tuple[str, ...] = ()
    """What is not there yet."""


def prospects(site: Site, registry: Registry) -> dict[str, Prospect]:
    """Those of all machinetypes that the site files do not disable, by name."""
    return {name: prospect(one, registry) for name, one in site.machinetypes.items() if name not in site.disabled}


def prospect(machinetype: MachineType, registry: Registry) -> Prospect:
    """Ask the plugins, within a deadline; whatever they raise is a fault of the machinetype's."""
    try:
        return within(_DEADLINE_SECONDS, partial(_asked, machinetype, registry))
    except TimeoutError as error:
        return Prospect(faults=(f"its plugins could not check it: {error}",))
    except UnboundError as error:
        return Prospect(faults=error.reasons)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises is a finding about it
        return Prospect(faults=(f"its plugins could not check it: {type(error).__name__}: {error}",))


def _asked(machinetype: MachineType, registry: Registry) -> Prospect:
    bound = bind(machinetype, registry.hypervisors, registry.contextualisers, {})
    made_with = (f"hypervisor {bound.hypervisor.name}", f"contextualiser {bound.contextualiser.name}")
    return Prospect(made_with=made_with, missing=tuple(_missing(machinetype, bound)))


def _missing(machinetype: MachineType, bound: Binding) -> Iterator[str]:
    for one in (bound.hypervisor, bound.contextualiser):
        if isinstance(one, LooksAhead):
            yield from map(str, one.missing(machinetype))
