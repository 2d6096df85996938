"""What a run may leave behind, and its end: processes of machines whose factory is gone."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Final

from vac_core.supervision.table import Process, kill_all, processes, send

_PATIENCE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.05


def machine_processes(root: Path) -> list[Process]:
    """Live processes of machines below a directory, whichever factory made them: their outputs are there."""
    mark = f"JOBOUTPUTS={root}/".encode()
    return [one for one in processes() if one.alive and mark in _environ(one.pid)]


def end_machines(root: Path) -> int:
    """Ask them to end, and kill those that do not; return how many are left in spite of all."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for one in machine_processes(root):
        send(one, signal.SIGTERM)
    while machine_processes(root) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    kill_all(machine_processes(root), _PATIENCE_SECONDS)
    return len(machine_processes(root))


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
