"""Ending a machine and taking away all that was made for it."""

from __future__ import annotations

import time

from vac_core.interfaces import PluginError
from vac_core.removal import remove
from vac_core.supervision.launch import Launch
from vac_core.supervision.members import members
from vac_core.supervision.record import Record, Supervised
from vac_core.supervision.table import Process, kill_all, processes

_PATIENCE_SECONDS = 5.0
_ROUND_SECONDS = 0.2


def end_processes(record: Record) -> None:
    """End all of a machine's processes; raises `PluginError` where the kernel does not let one go."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    supervised = record.supervised()
    if supervised is not None and (cgroup := supervised.held_in) is not None:
        left = cgroup.end(deadline)
        if (supervisor := supervised.now()) is not None:  # it was not in its cgroup yet, and so waits to be let go
            kill_all([supervisor], _PATIENCE_SECONDS)
    else:
        left = _end_members(record, supervised, deadline)
    if left:
        pids = ", ".join(str(one.pid) for one in left)
        raise PluginError(
            f"machine {record.machine_id}: its processes {pids} do not end, even by SIGKILL: "
            "see with ps what they wait for, such as a file server that is gone"
        )


def _end_members(record: Record, supervised: Supervised | None, deadline: float) -> list[Process]:
    # Again until there is none: one may have begun another while it was being ended.
    while left := members(record.machine_id, supervised, processes()):
        kill_all(left, _ROUND_SECONDS)
        if time.monotonic() > deadline:
            break
    return left


def abandon(what: Launch) -> None:
    """Take away what was still made for a machine after it had been cleared away by another thread."""
    if what.cgroup is not None:
        what.cgroup.end(time.monotonic() + _PATIENCE_SECONDS)
    remove(what.own)
