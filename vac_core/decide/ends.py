"""When a running machine must be ended, and what is written of a machine that has ended.

The kill rules are those of Vac 3; codes and texts of outcomes are those of HSF-TN-2016-04, section 4, and Vac 3's own.
"""

from __future__ import annotations

from typing import Final

import attrs

from vac_core.config.schema import MachineType
from vac_core.model import Machine, MachineState, Outcome

START_SECONDS: Final = 300.0
"""A machine that its hypervisor has made and that does not run by then is ended."""


@attrs.frozen
class StopReason:
    """Why a machine is ended by its factory: a text, the code of the outcome that it leaves, and how it is ended."""

    text: str
    code: int | None = None
    graceful: bool = True
    """Whether it is asked first and given its grace_seconds."""


_AS_REQUESTED = "Shutdown as requested by the VM's host/hypervisor"
SHUTDOWN_TIME: Final = StopReason(f"{_AS_REQUESTED}: its shutdown time has passed", 100)
HEARTBEAT_MISSING: Final = StopReason("Heartbeat file not created", 700)
HEARTBEAT_STALE: Final = StopReason("Heartbeat file not updated", 700)
NEVER_STARTED: Final = StopReason("Machine did not start", 500, graceful=False)
PAUSED: Final = StopReason("Paused by its hypervisor", graceful=False)


def requested(why: str) -> StopReason:
    """The reason of a stop that a person or a policy asked for."""
    return StopReason(f"{_AS_REQUESTED}: {why}" if why else _AS_REQUESTED, 100)


def due(
    machine: Machine,
    machinetype: MachineType | None,
    now: float,
    *,
    service_up_since: float | None = None,
    heartbeat_file_mtime: float | None = None,
    paused: bool = False,
    shutdown_time: float | None = None,
) -> StopReason | None:
    """Whether a machine must be ended now, and why. Times are Unix seconds.

    ``service_up_since`` says since when this machine could leave heartbeats without a break, None while it cannot: the
    service has been up since then, and the machine was not held in a pause that was wished for. ``paused`` says that
    its hypervisor holds it though nobody wished for it; ``shutdown_time`` is the factory's own, if it has one. A
    machine that is being stopped already, or is not made yet, is never due.
    """
    if machine.state in {MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED}:
        end = machine.shutdown_time if shutdown_time is None else min(machine.shutdown_time, shutdown_time)
        if now > end:
            return SHUTDOWN_TIME
    if machine.state is MachineState.STARTING and now > machine.created + START_SECONDS:
        return NEVER_STARTED
    if machine.state is not MachineState.RUNNING:
        return None
    if paused:
        return PAUSED
    if machinetype is None or machinetype.heartbeat_file is None or service_up_since is None:
        return None
    could_write_since = max(service_up_since, machine.started or machine.created)
    return _heartbeat(machinetype, now, could_write_since, heartbeat_file_mtime)


def _heartbeat(
    machinetype: MachineType, now: float, could_write_since: float, mtime: float | None
) -> StopReason | None:
    """The heartbeat rules, which hold once a machine has had fizzle_seconds to write its file."""
    if now <= could_write_since + machinetype.fizzle_seconds:
        return None
    if mtime is None:
        return HEARTBEAT_MISSING
    if machinetype.heartbeat_seconds and now > mtime + machinetype.heartbeat_seconds:
        return HEARTBEAT_STALE
    return None


def final_outcome(
    machine: Machine,
    machinetype: MachineType | None,
    shutdown_message: bytes | None,
    exit_code: int | None,
    note: str,
    stop_reason: StopReason | None,
    now: float,
) -> Outcome:
    """What is written of a machine that has ended.

    Its own shutdown message counts before all else. Without one, the reason for which it was ended does. A machine
    that ended by itself, without a word and within fizzle_seconds, did no work and counts as an abort.
    """
    left = Outcome.from_shutdown_message(shutdown_message)
    if left.code is not None:
        return left
    if stop_reason is not None and stop_reason.code is not None:
        return Outcome(stop_reason.code, stop_reason.text)
    detail = _detail(exit_code, note, stop_reason)
    lasted = 0.0 if machine.started is None else max(0.0, (machine.ended or now) - machine.started)
    if machinetype is not None and lasted < machinetype.fizzle_seconds:
        text = f"Vac detects fizzle after {int(lasted)} seconds"
        return Outcome(300, f"{text}: {detail}" if detail else text)
    return Outcome(None, detail)


def _detail(exit_code: int | None, note: str, stop_reason: StopReason | None) -> str:
    exit_text = f"exit code {exit_code}" if exit_code else ""
    return ", ".join(part for part in (stop_reason.text if stop_reason else "", note, exit_text) if part)
