"""Signals to a whole machine: ask it to end, hold it still, let it go on."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from vac_core.builtin.process_cgroup import Cgroup
from vac_core.builtin.process_members import members
from vac_core.builtin.process_record import Supervised
from vac_core.builtin.process_table import processes, send


def terminate(supervised: Supervised) -> None:
    """Ask a machine to end: SIGTERM to its process group, which is let go on if it was held still."""
    if supervised.now() is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(supervised.pid, signal.SIGTERM)
        hold(supervised, held=False)


def hold(supervised: Supervised, *, held: bool) -> None:
    """Hold a machine still or let it go on: by its cgroup, or each of its processes by a signal."""
    if supervised.cgroup is not None:
        Cgroup(Path(supervised.cgroup)).freeze(held)
        return
    for one in members(supervised.machine_id, supervised, processes()):
        send(one, signal.SIGSTOP if held else signal.SIGCONT)
