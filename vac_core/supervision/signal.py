"""Signals to a whole machine: ask it to end, hold it still, let it go on."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence

from vac_core.supervision.members import members
from vac_core.supervision.record import Supervised
from vac_core.supervision.table import Process, command_line, processes, send

_BEGIN_SECONDS = 5.0
_HOLD_SECONDS = 2.0
_MOMENT_SECONDS = 0.001


Choice = Callable[[Sequence[Process]], Sequence[Process]]
"""Which processes of a machine's session are to be asked to end; none for its whole process group."""


def terminate(supervised: Supervised, choose: Choice | None = None) -> None:
    """Ask a machine to end: SIGTERM to its process group or to those chosen; it is let go on if it was held still."""
    _let_begin(supervised)
    if supervised.now() is not None:
        _ask(supervised, choose)
        hold(supervised, held=False)


def _ask(supervised: Supervised, choose: Choice | None) -> None:
    if choose is not None:
        chosen = choose([one for one in processes() if one.session == supervised.pid and one.alive])
        for one in chosen:
            send(one, signal.SIGTERM)
        if chosen:
            return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(supervised.pid, signal.SIGTERM)


def hold(supervised: Supervised, *, held: bool) -> None:
    """Hold a machine still or let it go on, by its cgroup or by signals to its processes; returns when it is so."""
    if held:
        _let_begin(supervised)
    if (cgroup := supervised.held_in) is not None:
        cgroup.freeze(held)
    else:
        for one in members(supervised.machine_id, supervised, processes()):
            send(one, signal.SIGSTOP if held else signal.SIGCONT)
    _wait(lambda: (now := supervised.now()) is None or is_held(supervised, now) == held, _HOLD_SECONDS)


def is_held(supervised: Supervised, supervisor: Process) -> bool:
    """Whether the machine is held still, given its supervisor as it is now."""
    return supervisor.stopped if (cgroup := supervised.held_in) is None else cgroup.frozen


def _let_begin(supervised: Supervised) -> None:
    """Wait for a program that its supervisor has forked and not yet executed.

    SIGTERM would be lost on it, also later if it was held still meanwhile; and it would keep its supervisor waiting for
    it where nothing can stop that.
    """
    if not _begun(supervised):
        _wait(lambda: _begun(supervised), _BEGIN_SECONDS)


def _begun(supervised: Supervised) -> bool:
    """Whether its program is executed by now, or its supervisor has ended; past its first seconds that goes unasked."""
    supervisor = supervised.now()
    if supervisor is None or supervisor.age_seconds > _BEGIN_SECONDS:
        return True
    own = command_line(supervised.pid)
    return any(one.parent == supervised.pid and command_line(one.pid) != own for one in processes())


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    """Look again every millisecond: the kernel tells nobody of these changes."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(_MOMENT_SECONDS)
