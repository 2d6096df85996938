"""BOINC's ways: what it costs to watch whether an owner is there, and how soon an owner who comes has the host back."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import attrs
from vac_boinc.options import BoincPlugin
from vac_boinc.prefs import LOOK_SECONDS, Prefs
from vac_boinc.senses import LinuxSenses

from benchmarks.bench_factory import free_port, other_plugins, times_of, wait_until
from benchmarks.table import Row
from vac_core.testing import home
from vac_core.testing.sweep import sweep

_LOOKS: Final = 600
_TURNS: Final = 5
_COMINGS: Final = 10
_HOUR: Final = 3600.0

_SITE: Final = """
[settings]
vac_space = bench.example.org
factory_name = wn01.example.org
total_processors = 1
mb_per_processor = 1
overload_per_processor = 10000
vacquery_address = 127.0.0.1
vacquery_port = {port}
policies = prefs host-limits backoff target-shares

[plugin boinc]
run_if_user_active = no
idle_time_to_run = 0.05
suspend_cpu_usage = 0
idle_sources = tty

[machinetype bench]
machine_model = process
target_share = 1
on_busy = suspend
user_data = {user_data}
"""

_BEATS: Final = """#!/bin/sh
while :; do
    echo >{beat}
    sleep 0.02
done
"""


def run() -> Iterator[Row]:
    """Measure the policy ``prefs`` by itself, and in a daemon whose one machine it holds and lets go."""
    what = f"boinc: the idle watch, a look each {LOOK_SECONDS:g} s"
    yield Row(what=what, unit="CPU s/h", samples=[_watching() for _ in range(_TURNS)])
    comings = [1000 * one for one in _reactions()]
    yield Row(what="boinc: a key pressed to the last act of a machine", unit="ms", samples=comings, target="under 2000")


def _watching() -> float:
    """Processor time of the looks of an hour, with all that is looked at only now and then."""
    with tempfile.TemporaryDirectory(prefix="vac-bench-") as directory:
        seconds = count(time.time(), LOOK_SECONDS)
        watch = Prefs(lambda at: LinuxSenses(at, lambda: next(seconds)), watching=False)
        watch.start(attrs.evolve(home(Path(directory)), options=BoincPlugin))
        began = time.process_time()
        for _ in range(_LOOKS):
            watch.look()
        return (time.process_time() - began) / _LOOKS * _HOUR / LOOK_SECONDS


def _reactions() -> Iterator[float]:
    """Seconds from the touching of a terminal to the last that the machine did before it was held."""
    controller, terminal = pty.openpty()
    with tempfile.TemporaryDirectory(prefix="vac-bench-") as directory:
        at = Path(directory)
        process = _daemon(at)
        try:
            journal, beat = at / "state" / "journal.sqlite", at / "beat"
            for coming in range(1, _COMINGS + 1):
                begun = time.time()
                wait_until(partial(_beats_after, beat, begun))
                touched = time.time()
                os.utime(os.ttyname(terminal), (touched, touched))
                wait_until(partial(_paused, journal, coming))
                yield max(0.0, beat.stat().st_mtime - touched)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            sweep(at / "state")
            os.close(terminal)
            os.close(controller)


def _paused(journal: Path, times: int) -> bool:
    return len(times_of(journal, "pause")) >= times


def _beats_after(beat: Path, moment: float) -> bool:
    return beat.exists() and beat.stat().st_mtime > moment


def _daemon(at: Path) -> subprocess.Popen[bytes]:
    script, site = at / "user_data.sh", at / "vac.conf"
    script.write_text(_BEATS.format(beat=at / "beat"), "ascii")
    site.write_text(_SITE.format(port=free_port(), user_data=script), "ascii")
    blocked = [word for name in other_plugins() if name != "boinc" for word in ("--no-plugin", name)]
    command = [sys.executable, "-m", "vac_core", "--config", str(site), "--state-dir", str(at / "state"), *blocked]
    return subprocess.Popen([*command, "factory", "run", "--log-level", "warning"])
