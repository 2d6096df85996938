"""One machine's life: a BOINC application, watched as its wrapper would watch it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from .clock import Clock
from .contract import (
    CERN_OUTPUT,
    COMPLETED,
    Pulse,
    Trigger,
    fraction_done,
    later,
    outcome_of,
    progress,
    trigger,
)
from .outputs import Outputs, say
from .started import Owner

LOG = "boinc-app.log"
PROGRESS = "fraction_done"
STOP_SECONDS = 30
_TURN_SECONDS = 1.0
_TELL_SECONDS = 60.0
_MOST = 65536
_OUTPUT_MAX = 1 << 30


class App:
    """The application's program, and the directory by which one talks with it."""

    def __init__(self, settings: dict[str, Any], place: Path, outputs: Outputs) -> None:
        self.outputs = outputs
        self._settings, self._place = settings, place
        self._shared = Path(settings["shared"]).resolve()
        self._stopped = threading.Event()
        self._clock, self._told_at = Clock(), float("-inf")
        self._pulse = Pulse(settings["heartbeat_interval"])

    def stop(self) -> None:
        """The factory wants the machine to end."""
        self._stopped.set()

    def message(self) -> str:
        """What the machine's life came to."""
        try:
            self._lay_out()
            with self.outputs.path(LOG).open("wb") as log:
                program = Owner("").start(self._settings["command"], self._shared, log)
            try:
                found = self._watch(program)
            finally:
                _end(program)
            self._keep()
        except OSError as error:
            say(f"{type(error).__name__}: {error}")
            return "500 The application cannot be run here"
        return found

    def _lay_out(self) -> None:
        self._shared.mkdir(parents=True, exist_ok=True)
        for name in self._settings["files"]:
            shutil.copyfile(self._place / name, self._shared / name)

    def _watch(self, program: subprocess.Popen[bytes]) -> str:
        """Look at the application once in a turn, until there is an outcome."""
        while True:
            self._clock = self._clock.turned(time.monotonic())
            ended = program.poll()  # before the files are looked at: what is written last is still seen
            found = self._outcome(ended)
            if found:
                return found
            self._tell()
            self._stopped.wait(_TURN_SECONDS)

    def _outcome(self, ended: int | None) -> str:
        """What the first sign comes to that there is; empty while there is none."""
        if self._stopped.is_set():
            return "100 Shutdown as requested by the factory"
        done, postponed = (self._trigger(f"{kind}_trigger_file", ended) for kind in ("completion", "temporary_exit"))
        if done is not None:
            return outcome_of(done.number, done.message)
        if postponed is not None:
            return later(postponed)
        return self._end_or_loss(ended)

    def _end_or_loss(self, ended: int | None) -> str:
        if ended is not None and self._settings["ends_by_itself"]:
            return outcome_of(ended)
        if 0 < self._settings["job_duration"] <= self._clock.elapsed:
            return self._completed()
        if ended is not None:
            return f"700 It ended with {ended}, before it had said that it was done"
        return self._heartbeat()

    def _trigger(self, which: str, ended: int | None) -> Trigger | None:
        name = self._settings[which]
        raw = self._read(name) if name else None
        if raw is None:
            return None
        return trigger(raw) or (trigger(raw + b"\n") if ended is not None else None)

    def _completed(self) -> str:
        if self._settings["cern_dataformat"]:
            self.outputs.write("output", CERN_OUTPUT)
        return COMPLETED

    def _heartbeat(self) -> str:
        if not self._settings["heartbeat_filename"]:
            return ""
        changed: float | None = None
        with contextlib.suppress(OSError):
            changed = (self._shared / self._settings["heartbeat_filename"]).stat().st_mtime
        self._pulse = self._pulse.looked(self._clock.elapsed, changed)
        return f"700 The application is lost: {self._pulse.lost}" if self._pulse.lost else ""

    def _tell(self) -> None:
        """Let the factory know how far it is, and that it lives."""
        if self._clock.elapsed - self._told_at < _TELL_SECONDS:
            return
        self._told_at = self._clock.elapsed
        name = self._settings["fraction_done_filename"]
        raw = self._read(name) if name else None
        part = progress(fraction_done(raw or b""), self._clock.elapsed, self._settings["job_duration"])
        self.outputs.write(PROGRESS, f"{part:.4f}\n")
        if self._settings["heartbeat_file"]:
            self.outputs.write(self._settings["heartbeat_file"], f"{part:.4f}\n")

    def _read(self, name: str) -> bytes | None:
        """The start of a file that the application may have made; it never waits, and follows no link."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(self._shared / name, flags), "rb") as file:
                return file.read(_MOST)
        except OSError:
            return None

    def _keep(self) -> None:
        for name in self._settings["outputs"]:
            path = self._shared / name
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= _OUTPUT_MAX:
                shutil.copyfile(path, self.outputs.path(name))
                self.outputs.put(name)
        self.outputs.put(LOG)


def _end(program: subprocess.Popen[bytes]) -> None:
    """End the program and whatever it has started."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(seconds)
