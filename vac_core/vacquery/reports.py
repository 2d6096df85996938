"""What peers' statuses say, as the report that decisions are made from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vac_core.model import FactoryReport, Outcome, TypeReport
from vac_core.vacquery.messages import MachinetypeStatus, Status

SKEW_SECONDS: Final = 5.0
"""Clocks that differ by less are taken to agree: messages take time too."""


def factory_report(factory: str, statuses: Iterable[Status], received: float) -> FactoryReport:
    """A peer's machinetypes; ``received`` in Unix seconds. Statuses of other kinds are passed over.

    No machine can have ended after the report came: a peer whose clock is wrong, or who lies, would else hold a
    machinetype back everywhere until then. Where a peer's ``time_sent`` shows that its clock differs from ours by more
    than `SKEW_SECONDS`, its times are read as ages at the moment of sending.
    """
    types = {
        status.machinetype: _type_report(status, received)
        for status in statuses
        if isinstance(status, MachinetypeStatus)
    }
    return FactoryReport(factory=factory, received=received, types=types)


def _ended(status: MachinetypeStatus, received: float) -> float | None:
    """When a peer's latest machine ended, on our clock."""
    if status.shutdown_time is None:
        return None
    skew = status.time_sent - received if status.time_sent else 0.0
    ended = status.shutdown_time - skew if abs(skew) > SKEW_SECONDS else float(status.shutdown_time)
    return min(ended, received)


def _type_report(status: MachinetypeStatus, received: float) -> TypeReport:
    return TypeReport(
        machinetype=status.machinetype,
        running_hs06=status.running_hs06,
        running_machines=status.running_machines,
        running_processors=int(status.running_processors),
        num_before_fizzle=status.num_before_fizzle,
        outcome=None if status.shutdown_message is None else Outcome.from_shutdown_message(status.shutdown_message),
        shutdown_time=_ended(status, received),
        shutdown_machine=status.shutdown_machine,
        fqan=status.fqan,
        max_processors=status.max_processors,
        min_processors=status.min_processors,
        max_wallclock_seconds=status.max_wallclock_seconds,
        min_wallclock_seconds=status.min_wallclock_seconds,
        bytes_per_processor=status.bytes_per_processor,
    )
