"""Starting a supervisor: it waits at a pipe until its record, limits and cgroup are in place."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
from pathlib import Path

from vac_core.interfaces import PluginError
from vac_core.supervision.cgroup import Cgroup
from vac_core.supervision.launch import Launch
from vac_core.supervision.record import Record, Supervised
from vac_core.supervision.table import boot_id, process

SHELL = "/bin/sh"
SUPERVISOR = Path(__file__).with_name("supervisor.sh")
_RESET = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
"""Signals whose handling in the factory must not be handed on to machines."""


_writing_or_spawning = threading.Lock()
"""A child that is being spawned holds a copy of every open file for a moment. If that is another machine's program,
still open for writing, the kernel refuses to run it ("text file busy"): so one is done at a time."""


def launch(record: Record, what: Launch) -> Supervised:
    """Start a machine's supervisor and let it go, once all that a restarted factory needs to find it is on disk.

    Raises `OSError` or `PluginError`; nothing of it runs then.
    """
    what.make_directories()
    to_read, to_write = os.pipe2(os.O_CLOEXEC)
    with os.fdopen(to_write, "wb", buffering=0) as go:
        try:
            with _writing_or_spawning:
                what.write_files()
                pid = _spawn(record, what, to_read)
        finally:
            os.close(to_read)
        try:
            supervised = _note(record, pid, what.cgroup)
            _hold(pid, what)
            go.write(b"go\n")
        except BaseException:
            go.close()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)  # it reads the end of the pipe, and ends
            raise
    return supervised


def _spawn(record: Record, what: Launch, go: int) -> int:
    log = os.open(what.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if what.owner is not None:
            os.fchown(log, *what.owner)  # a program opens it anew when it writes to /dev/stderr
        return os.posix_spawn(
            SHELL,
            [SHELL, str(SUPERVISOR), str(record.ending_file), str(what.work), *what.argv],
            what.environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, go, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
                *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable()),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=_RESET,
        )
    finally:
        os.close(log)


def _inheritable() -> list[int]:
    """Open files that the factory was itself started with, and that are none of a machine's business."""
    found = []
    for fd in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - names are all that is wanted
        with contextlib.suppress(OSError):
            if fd > 2 and os.get_inheritable(fd):
                found.append(fd)
    return found


def _note(record: Record, pid: int, cgroup: Cgroup | None) -> Supervised:
    found = process(pid)
    if found is None:
        raise PluginError(
            f"machine {record.machine_id}: its supervisor ended as soon as it was started: is {SHELL} whole?"
        )
    supervised = Supervised(
        machine_id=record.machine_id,
        pid=pid,
        start_ticks=found.start_ticks,
        boot=boot_id(),
        cgroup=None if cgroup is None else str(cgroup.path),
        legacy=() if cgroup is None else tuple(str(path) for path in cgroup.legacy),
    )
    record.write(supervised)
    return supervised


def _hold(pid: int, what: Launch) -> None:
    limits = what.limits
    if what.cgroup is not None:
        what.cgroup.make()
        what.cgroup.limit(limits)
        what.cgroup.add(pid)
    counted_by_cgroup = what.cgroup is not None and what.cgroup.can_limit("pids.max")
    for which, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, limits.address_space_bytes),
        (resource.RLIMIT_FSIZE, limits.file_size_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_NPROC, None if counted_by_cgroup else limits.processes),
    ):
        if most is not None:
            _lower(pid, which, most)
    if limits.modesty:
        # A machine is never given more than its factory has, which would take a privilege.
        os.setpriority(os.PRIO_PROCESS, pid, max(limits.modesty, os.getpriority(os.PRIO_PROCESS, pid)))


def _lower(pid: int, which: int, most: int) -> None:
    _, hard = resource.prlimit(pid, which)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.prlimit(pid, which, (bound, bound))
