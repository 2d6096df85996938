"""The observer ``log``: each journalled event becomes one line of the factory's log."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Observer
from vac_core.model import Event, Machine

_LOG: Final = logging.getLogger("vac.events")


class EventLog(Observer):
    """Writes events to the log: one that tells of an abort as a warning, all others as information.

    The fields of an event go along as the record's own, so that a log in JSON has them by name.
    """

    name = "log"

    def observe(self, event: Event) -> None:
        """Write one event."""
        machine = event.machine
        level = logging.WARNING if machine and machine.outcome and machine.outcome.is_abort else logging.INFO
        _LOG.log(level, "%s", line(event), extra=fields(event))


def line(event: Event) -> str:
    """One event as a line for people, without its time."""
    subject = f"machine {event.machine.name} ({event.machine.machinetype})" if event.machine else "factory"
    outcome = str(event.machine.outcome or "") if event.machine else ""
    said = dict.fromkeys(text for text in (outcome, event.reason) if text)
    return f"{subject} {event.what}{': ' if said else ''}{'; '.join(said)}"


def fields(event: Event) -> dict[str, Any]:
    """The fields of one event by name, for logs that keep fields; never a secret of the machine's."""
    plain = {"event_seq": event.seq, "event_time": event.time, "event_what": event.what, "event_reason": event.reason}
    return plain | (_machine_fields(event.machine) if event.machine else {})


def _machine_fields(machine: Machine) -> dict[str, Any]:
    return {
        "machine_id": machine.id,
        "machine_name": machine.name,
        "machinetype": machine.machinetype,
        "machine_state": str(machine.state),
        "machine_outcome": str(machine.outcome) if machine.outcome else None,
    }


@hookimpl
def vac_observers() -> Iterable[Observer]:
    """Offer the observer ``log``."""
    return [EventLog()]
