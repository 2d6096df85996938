"""Vac 3's columns, made from the statuses that factories sent: values in, rows out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from vac_core.cli.times import shown_moment, shown_span
from vac_core.vacquery.messages import FactoryStatus, MachineStatus

MACHINES: Final = ("MACHINE", "MACHINETYPE", "", "STATE", "TIME", "CPU", "RECENT", "CPUS", "HS06", "MESSAGE")
MACHINETYPE: Final = ("MACHINE", "", "STATE", "CREATED", "CPU", "HOURS", "RECENT", "FINISHED", "MESSAGE")
FACTORIES: Final = (
    "FACTORY",
    "CPUS",
    "MACHINES",
    "HS06",
    "LOAD",
    "ROOT DISK",
    "VAC DISK",
    "MEMORY",
    "HEARTBEAT",
    "VERSION",
)

_GIB_IN_KIB: Final = 1024 * 1024


def machine_rows(machines: Iterable[MachineStatus], fizzle_seconds: dict[str, int], now: float) -> Iterator[list[str]]:
    """A row for each slot: the machine in it, or how the last that was there ended.

    A ``*`` marks machines that run for longer than their machinetype's fizzle_seconds, where that is known.
    """
    for one in machines:
        yield [
            one.machine,
            one.machinetype or "",
            _past_fizzle(one, fizzle_seconds, now),
            one.state,
            _age(one, now),
            _efficiency(one),
            f"{one.cpu_percentage:.1f}%" if one.state == "Running" else "",
            str(one.num_processors or ""),
            f"{one.hs06:.2f}" if one.hs06 else "",
            f'"{one.shutdown_message}"' if one.state == "Shut down" and one.shutdown_message else "",
        ]


def machinetype_rows(
    machines: Iterable[MachineStatus], fizzle_seconds: dict[str, int], now: float
) -> Iterator[list[str]]:
    """A row for each slot whose latest machine is of the machinetype."""
    for one in machines:
        over = one.state == "Shut down"
        yield [
            one.machine,
            _past_fizzle(one, fizzle_seconds, now),
            one.state,
            shown_moment(one.created_time),
            _efficiency(one),
            "" if _ran(one) is None else f"{(_ran(one) or 0) / 3600:.2f}",
            f"{one.cpu_percentage:.1f}%" if one.state == "Running" else "",
            shown_moment(one.shutdown_time or one.heartbeat_time) if over else "",
            one.shutdown_message or "" if over else "",
        ]


def factory_rows(factories: Iterable[FactoryStatus], now: float) -> Iterator[list[str]]:
    """A row for each factory: what runs of what there is, its load, disks, memory, and its version."""
    for one in factories:
        yield [
            one.factory,
            f"{one.running_processors}/{one.max_processors}",
            f"{one.running_machines}/{one.max_machines}",
            f"{one.running_hs06:.1f}/{one.max_hs06:.1f}",
            f"{one.load_average:.2f}",
            f"{one.root_disk_avail_kb / _GIB_IN_KIB:.1f}G",
            f"{one.daemon_disk_avail_kb / _GIB_IN_KIB:.1f}G",
            f"{one.mem_used_kb / _GIB_IN_KIB:.1f}/{one.mem_total_kb / _GIB_IN_KIB:.1f}G",
            f"{shown_span(now - one.factory_heartbeat_time)} ago" if one.factory_heartbeat_time else "",
            one.daemon_version,
        ]


def machinetype_line(machines: Iterable[MachineStatus], machinetype: str) -> str:
    """How many machines of a machinetype run, and their benchmark power."""
    running = [one for one in machines if one.state in {"Running", "Paused"}]
    starting = sum(one.state == "Starting" for one in machines)
    hs06 = sum(one.hs06 for one in running)
    return f"{machinetype}: {len(running)} running with {hs06:.2f} HS06, {starting} starting"


def _past_fizzle(one: MachineStatus, fizzle_seconds: dict[str, int], now: float) -> str:
    limit = fizzle_seconds.get(one.machinetype or "")
    if limit is None or one.state != "Running" or one.started_time is None:
        return " "
    return "*" if now - one.started_time > limit else " "


def _age(one: MachineStatus, now: float) -> str:
    since = one.started_time if one.state in {"Running", "Paused"} else one.created_time
    return "" if since is None or one.state in {"Shut down", "Unknown"} else shown_span(now - since)


def _ran(one: MachineStatus) -> float | None:
    """Seconds between the first and the last that was seen of it."""
    if one.started_time is None or one.heartbeat_time is None or one.heartbeat_time <= one.started_time:
        return None
    return one.heartbeat_time - one.started_time


def _efficiency(one: MachineStatus) -> str:
    """Processor time over elapsed time, above 100 % for machines with several processors."""
    ran = _ran(one)
    return "" if ran is None else f"{100.0 * one.cpu_seconds / ran:.1f}%"
