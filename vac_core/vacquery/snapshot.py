"""The statuses of this factory, made from the snapshot of its state that the factory keeps in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from vac_core.interfaces import SpaceView
from vac_core.model import Machine, MachineState, Outcome, TypeReport
from vac_core.vacquery.messages import FactoryStatus, MachineStatus, MachinetypeStatus, NoStatus, program_version
from vac_core.vacquery.wire import MOST_MESSAGES, keys_of

STATES: Final[Mapping[MachineState, str]] = {
    MachineState.PLANNED: "Starting",
    MachineState.STARTING: "Starting",
    MachineState.RUNNING: "Running",
    MachineState.PAUSED: "Paused",
    MachineState.STOPPING: "Running",
    MachineState.ENDED: "Shut down",
    MachineState.CLEARED: "Shut down",
}
"""VacQuery's words for the states of machines. A machine that is being stopped still holds its processors."""

_HEARTBEATS: Final = ("factory_heartbeat_time", "responder_heartbeat_time")
"""Who sends a message lives."""


@attrs.frozen(kw_only=True)
class Sender:
    """What all messages of one factory have in common at one time; ``now`` in Unix seconds."""

    space: str
    now: float
    program: str = "vacd-responder"

    def keys(self, view: SpaceView) -> dict[str, Any]:
        """Values of the common keys; the cookie is ``0``, as in messages that nobody asked for."""
        return {
            "cookie": "0",
            "space": self.space,
            "factory": view.own.factory,
            "site": view.site,
            "time_sent": int(self.now),
            "daemon_version": program_version(self.program),
        }


def factory_status(view: SpaceView, sender: Sender) -> FactoryStatus:
    """The factory's own figures; one daemon is what Vac 3 had a factory and a responder for, and lives."""
    figures = {name: view.status[name] for name in keys_of(FactoryStatus) if view.status.get(name) is not None}
    beats = dict.fromkeys(_HEARTBEATS, int(sender.now))
    return FactoryStatus(**(beats | figures | sender.keys(view)))


def machinetype_statuses(view: SpaceView, sender: Sender) -> list[MachinetypeStatus]:
    """One status for each machinetype, at most as many as anybody reads."""
    types = list(view.own.types.values())[:MOST_MESSAGES]
    return [_machinetype_status(view, one, len(types), sender) for one in types]


def _machinetype_status(view: SpaceView, one: TypeReport, count: int, sender: Sender) -> MachinetypeStatus:
    message = _message(one.outcome)
    return MachinetypeStatus(
        **sender.keys(view),
        num_machinetypes=count,
        machinetype=one.machinetype,
        running_hs06=one.running_hs06,
        running_machines=one.running_machines,
        running_processors=one.running_processors,
        num_before_fizzle=one.num_before_fizzle,
        shutdown_message=message,
        shutdown_time=_whole(one.shutdown_time) if message else None,
        shutdown_machine=one.shutdown_machine,
        bytes_per_processor=one.bytes_per_processor,
        fqan=one.fqan,
        max_processors=one.max_processors,
        min_processors=one.min_processors,
        max_wallclock_seconds=one.max_wallclock_seconds,
        min_wallclock_seconds=one.min_wallclock_seconds,
    )


def machine_statuses(view: SpaceView, sender: Sender) -> list[MachineStatus]:
    """One status for each slot; slots that were never used are told of too, as Vac 3 does."""
    used = {machine.slot: machine for machine in view.machines}
    slots = sorted(used.keys() | set(range(min(int(view.status.get("max_machines") or 0), MOST_MESSAGES))))
    slots = slots[:MOST_MESSAGES]
    return [
        machine_status(view, used[slot], len(slots), sender)
        if slot in used
        else MachineStatus(
            **sender.keys(view),
            num_machines=len(slots),
            machine=slot_name(view.own.factory, slot),
            state="Shut down",
        )
        for slot in slots
    ]


def machine_status(view: SpaceView, machine: Machine, count: int, sender: Sender) -> MachineStatus:
    """One machine, as one of ``count`` messages."""
    message = _message(machine.outcome)
    return MachineStatus(
        **sender.keys(view),
        num_machines=count,
        machine=machine.name,
        state=STATES[machine.state],
        machine_model=machine.machine_model,
        uuid=machine.id,
        created_time=int(machine.created),
        started_time=_whole(machine.started),
        heartbeat_time=_whole(machine.heartbeat),
        cpu_seconds=int(machine.cpu_seconds),
        cpu_percentage=_cpu_percentage(machine, sender.now),
        num_processors=machine.processors,
        hs06=machine.hs06,
        machinetype=machine.machinetype,
        shutdown_message=message,
        shutdown_time=_whole(machine.ended) if message else None,
        fqan=machine.fqan,
    )


def no_status(view: SpaceView, sender: Sender) -> NoStatus:
    """What is told where there is nothing to tell."""
    return NoStatus(**sender.keys(view))


def slot_name(factory: str, slot: int) -> str:
    """The host name of a slot: the factory's, with the slot's number after its first part."""
    host, dot, domain = factory.partition(".")
    return f"{host}-{slot:02}{dot}{domain}"


def _message(outcome: Outcome | None) -> str | None:
    """A shutdown message; one without a code is not sent, for Vac 3 takes its first characters for a number."""
    return str(outcome) if outcome is not None and outcome.code is not None else None


def _whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def _cpu_percentage(machine: Machine, now: float) -> float:
    """Use of late, as Vac 3 tells it; the mean over the machine's life where that is not known."""
    if machine.cpu_percentage is not None:
        return round(machine.cpu_percentage, 1)
    if machine.started is None:
        return 0.0
    seconds = (machine.ended or now) - machine.started
    return round(100.0 * machine.cpu_seconds / seconds, 1) if seconds > 0 else 0.0
