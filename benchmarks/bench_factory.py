"""The whole daemon with the ``process`` hypervisor: turnaround of a slot, filling an empty factory, and idling.

It is the core that is measured: other distributions' plugins that happen to be installed are blocked, as each would add
what it imports to the daemon's memory.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks.table import Row
from vac_core.factory.history import read
from vac_core.factory.journal import JournalError
from vac_core.plugins import GROUP
from vac_core.testing.sweep import sweep

TURNS: Final = 40
FILLED: Final = 64
FILLINGS: Final = 5
IDLE_MACHINES: Final = 32
IDLE_SECONDS: Final = 60.0
IDLE_TURNS: Final = 3

_CPUCLOCK_SCHED: Final = 2
"""Beside a process id, makes the clock id of that process's CPU time: clock_getcpuclockid(3), as Linux has it."""

_SITE: Final = """
[settings]
vac_space = bench.example.org
factory_name = wn01.example.org
total_processors = {processors}
mb_per_processor = 1
overload_per_processor = 10000
vacquery_address = 127.0.0.1
vacquery_port = {port}
{more}
[machinetype bench]
machine_model = process
target_share = 1
fizzle_seconds = 0
backoff_seconds = 0
user_data = {user_data}
"""

_TURN: Final = """#!/bin/sh
date +%s.%N >> {times}
sleep 0.2
date +%s.%N >> {times}
echo 200 >> $JOBOUTPUTS/shutdown_message
"""

_REST: Final = "#!/bin/sh\nexec sleep 3600\n"


def run() -> Iterator[Row]:
    """Measure with real daemons, one after the other."""
    yield Row(
        what="slot turnaround: a machine's last act to its successor's first",
        unit="ms",
        samples=turnarounds(),
        target="median < 50",
    )
    yield Row(
        what=f"filling {FILLED} empty slots", unit="s", samples=[filling() for _ in range(FILLINGS)], target="< 3"
    )
    spent, memory = zip(*idling(), strict=True)
    yield Row(what=f"idle with {IDLE_MACHINES} machines: processor time", unit="s/h", samples=spent, target="< 36")
    yield Row(what=f"idle with {IDLE_MACHINES} machines: resident memory", unit="MB", samples=memory, target="< 60")


def turnarounds() -> list[float]:
    """Milliseconds from the end of each machine's work to the beginning of the next one's, in one slot."""
    with tempfile.TemporaryDirectory() as directory:
        times = Path(directory) / "times"
        with daemon(Path(directory), _TURN.format(times=times), processors=1):
            wait_until(lambda: times.exists() and len(times.read_text("ascii").split()) >= 2 * TURNS)
        stamps = [float(stamp) for stamp in times.read_text("ascii").split()[: 2 * TURNS]]
    return [1000 * (start - end) for end, start in pairwise(stamps)][1::2]


def filling() -> float:
    """Seconds from the first machine's plan to the moment when all slots run."""
    with tempfile.TemporaryDirectory() as directory:
        journal = Path(directory) / "state" / "journal.sqlite"
        with daemon(Path(directory), _REST, processors=FILLED):
            wait_until(lambda: len(times_of(journal, "seen_running")) >= FILLED)
            return max(times_of(journal, "seen_running")) - min(times_of(journal, "planned"))


def idling() -> list[tuple[float, float]]:
    """Seconds of processor time in an hour, and megabytes of resident memory, in turns while nothing happens.

    A turn is as long as a whole round of what the daemon does by itself: a poll of its peers is the rarest.
    """
    with tempfile.TemporaryDirectory() as directory:
        journal = Path(directory) / "state" / "journal.sqlite"
        with daemon(Path(directory), _REST, processors=IDLE_MACHINES) as process:
            wait_until(lambda: len(times_of(journal, "seen_running")) >= IDLE_MACHINES)
            time.sleep(2.0)
            return [_idle(process.pid) for _ in range(IDLE_TURNS)]


def _idle(pid: int) -> tuple[float, float]:
    before, began = processor_seconds(pid), time.monotonic()
    time.sleep(IDLE_SECONDS)
    spent = processor_seconds(pid) - before
    return spent * 3600.0 / (time.monotonic() - began), resident_megabytes(pid)


@contextmanager
def daemon(directory: Path, user_data: str, *, processors: int, more: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A real daemon on a state directory below ``directory``; its machines are gone afterwards."""
    script = directory / "user_data.sh"
    script.write_text(user_data, "ascii")
    site = directory / "vac.conf"
    site.write_text(_SITE.format(processors=processors, port=free_port(), user_data=script, more=more), "ascii")
    state = directory / "state"
    blocked = [word for name in other_plugins() for word in ("--no-plugin", name)]
    command = [sys.executable, "-m", "vac_core", "--config", str(site), "--state-dir", str(state), *blocked]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([*command, "factory", "run", "--log-level", "warning"], stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        sweep(state)


def other_plugins() -> list[str]:
    """Names of installed plugins that are not the core's own."""
    found = entry_points(group=GROUP)
    return sorted({one.name for one in found if one.dist is None or one.dist.name != "vac-core"})


def times_of(journal: Path, what: str) -> list[float]:
    """When each event of a kind happened; none while the daemon is still making its journal."""
    try:
        events = read(journal, limit=100000)
    except JournalError:
        return []
    return [event["time"] for event in events if event["what"] == what]


def wait_until(done: Callable[[], bool], seconds: float = 120.0) -> None:
    """Look again and again until it is so."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("the daemon did not get there")
        time.sleep(0.05)


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far, by its own clock: /proc/PID/stat has it in hundredths alone."""
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    """A UDP port of loopback that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
