"""The kernel's table of processes, as values: see proc(5)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import attrs

_PROC = Path("/proc")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_DEAD = frozenset("ZXx")


@attrs.frozen
class Process:
    """One process. With the host's boot, pid and start time name it once and for all."""

    pid: int
    state: str
    """One letter, such as R, S, T (stopped) or Z (ended, not yet reaped)."""
    parent: int
    session: int
    cpu_seconds: float
    """Its own and its reaped children's."""
    start_ticks: int
    """Clock ticks from the host's boot to its start."""

    @property
    def alive(self) -> bool:
        """Whether it can still do anything."""
        return self.state not in _DEAD

    @property
    def stopped(self) -> bool:
        """Whether a signal holds it still."""
        return self.state == "T"

    @property
    def age_seconds(self) -> float:
        """How long ago it started, to a hundredth of a second."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.start_ticks / _TICKS_A_SECOND


@cache
def boot_id() -> str:
    """What tells this boot of the host from every other."""
    return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()


def process(pid: int) -> Process | None:
    """The process of this pid now; None where there is none."""
    try:
        raw = _read(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The command's name stands in brackets and may hold anything: count the fields from the last bracket.
    fields = raw[raw.rindex(b")") + 2 :].split()
    return Process(
        pid=pid,
        state=chr(fields[0][0]),
        parent=int(fields[1]),
        session=int(fields[3]),
        cpu_seconds=sum(map(int, fields[11:15])) / _TICKS_A_SECOND,
        start_ticks=int(fields[19]),
    )


def processes() -> Iterator[Process]:
    """All processes of the host that can be seen."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted, thousands of times
        if name.isdigit() and (found := process(int(name))) is not None:
            yield found


def environment(pid: int) -> frozenset[bytes]:
    """The variables that a process was started with, each as ``NAME=value``.

    Empty where that may not be read, and for the moment in which a process is beginning to execute its program.
    """
    try:
        return frozenset(_read(f"/proc/{pid}/environ").split(b"\0")) - {b""}
    except OSError:
        return frozenset()


def command_line(pid: int) -> bytes:
    """What a process executes and its arguments; empty where it has ended."""
    try:
        return _read(f"/proc/{pid}/cmdline")
    except OSError:
        return b""


def kill_all(victims: Iterable[Process], patience_seconds: float) -> None:
    """Send SIGKILL to each, and wait until all are dead or the time is up. One whose pid is another's now is spared."""
    waiting = select.poll()
    open_fds = set()
    try:
        for victim in victims:
            if (fd := open_process(victim)) is not None:
                open_fds.add(fd)
                waiting.register(fd, select.POLLIN)
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
        deadline = time.monotonic() + patience_seconds
        alive = set(open_fds)
        while alive and (left := deadline - time.monotonic()) > 0:
            for fd, _ in waiting.poll(left * 1000):
                waiting.unregister(fd)
                alive.discard(fd)
    finally:
        for fd in open_fds:
            os.close(fd)


def send(wanted: Process, number: signal.Signals) -> None:
    """Send a signal to exactly this process, if it still lives."""
    if (fd := open_process(wanted)) is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, number)
        os.close(fd)


def open_process(wanted: Process) -> int | None:
    """A pidfd of exactly this process; None where it is dead."""
    try:
        fd = os.pidfd_open(wanted.pid)
    except OSError:
        return None
    # Looked at after the pidfd was opened: if the pid changed hands before, the start time tells.
    now = process(wanted.pid)
    if now is None or now.start_ticks != wanted.start_ticks or not now.alive:
        os.close(fd)
        return None
    return fd


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)
