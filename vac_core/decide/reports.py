"""What this factory tells the others of its own machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vac_core.config.schema import MachineType, Settings
from vac_core.model import FactoryReport, Machine, TypeReport

_MIB = 1048576
_UNKNOWN_FIZZLE_SECONDS = 600
"""As the option's default: for machines whose machinetype the site file no longer has."""


def own_report(
    factory: str,
    machinetypes: Mapping[str, MachineType],
    machines_alive: Iterable[Machine],
    latest_ends: Mapping[str, Machine],
    now: float,
    settings: Settings,
) -> FactoryReport:
    """Report on each machinetype of the site file, and on any other that still has a machine.

    All machines that are alive count as running, from the moment they are planned. ``latest_ends`` is, for each
    machinetype, the most recently created of its machines that have ended.
    """
    machines: dict[str, list[Machine]] = {name: [] for name in machinetypes}
    for machine in machines_alive:
        if machine.alive:
            machines.setdefault(machine.machinetype, []).append(machine)
    types = {
        name: _type_report(name, machinetypes.get(name), alive, latest_ends.get(name), now, settings)
        for name, alive in machines.items()
    }
    return FactoryReport(factory=factory, received=now, types=types)


def _type_report(
    name: str,
    machinetype: MachineType | None,
    alive: list[Machine],
    latest_end: Machine | None,
    now: float,
    settings: Settings,
) -> TypeReport:
    fizzle = _UNKNOWN_FIZZLE_SECONDS if machinetype is None else machinetype.fizzle_seconds
    return TypeReport(
        machinetype=name,
        running_hs06=sum(machine.hs06 for machine in alive),
        running_machines=len(alive),
        running_processors=sum(machine.processors for machine in alive),
        num_before_fizzle=sum(machine.started is None or now - machine.started < fizzle for machine in alive),
        outcome=None if latest_end is None else latest_end.outcome,
        shutdown_time=None if latest_end is None else latest_end.ended,
        shutdown_machine=None if latest_end is None else latest_end.name,
        fqan="" if machinetype is None else machinetype.accounting_fqan,
        max_processors=None if machinetype is None else machinetype.max_processors,
        min_processors=None if machinetype is None else machinetype.min_processors,
        max_wallclock_seconds=None if machinetype is None else machinetype.max_wallclock_seconds,
        min_wallclock_seconds=None if machinetype is None else machinetype.least_wallclock,
        bytes_per_processor=settings.mb_per_processor * _MIB
        if machinetype is None
        else machinetype.bytes_per_processor(settings),
    )
