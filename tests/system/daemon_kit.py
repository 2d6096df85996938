"""Real daemons for tests: started as a user would, ready when they say so to their service manager."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from vac_core.cli.client import Control
from vac_core.factory.history import read
from vac_core.factory.state_dir import StateDir

DEADLINE = 60.0
"""Seconds that anything may take here before a test gives up: far more than it needs."""

SETTINGS = """
[settings]
vac_space = vac01.example.org
factory_name = wn01.example.org
total_processors = 2
mb_per_processor = 64
overload_per_processor = 1000
vacquery_address = 127.0.0.1
vacquery_port = {port}
udp_timeout_seconds = 1
poll_seconds = 1
pass_seconds = 1
"""


def free_udp_port() -> int:
    """A UDP port of loopback that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def shell(*lines: str) -> str:
    """A user_data of shell lines."""
    return "\n".join(["#!/bin/sh", *lines, ""])


@attrs.define
class Daemon:
    """One factory's files, and its daemon while that runs."""

    directory: Path
    program: Sequence[str] = (sys.executable, "-m", "vac_core")
    port: int = attrs.field(factory=free_udp_port)
    begin: Callable[..., subprocess.Popen[str]] = subprocess.Popen
    """What starts a process: that of a box, for a daemon that is to run in one."""
    process: subprocess.Popen[str] | None = None
    log: list[str] = attrs.field(factory=list)
    """Lines of the daemon's log that were read so far."""
    _lines: queue.SimpleQueue[str] = attrs.field(factory=queue.SimpleQueue)

    @property
    def state(self) -> StateDir:
        return StateDir(self.directory / "state")

    @property
    def conf(self) -> Path:
        return self.directory / "vac.conf"

    @property
    def control(self) -> Control:
        return Control(self.state.control_socket)

    def write_site(self, machinetypes: str, settings: str = "") -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.conf.write_text(SETTINGS.format(port=self.port) + settings + machinetypes, "utf-8")

    def machinetype(self, name: str, user_data: str, **options: object) -> str:
        """A [machinetype] section of a ``process`` machine with this user_data."""
        self.directory.mkdir(parents=True, exist_ok=True)
        script = self.directory / f"{name}.sh"
        script.write_text(user_data, "utf-8")
        given = {"machine_model": "process", "target_share": 1, "user_data": script, **options}
        return "\n".join([f"[machinetype {name}]", *(f"{key} = {value}" for key, value in given.items()), ""])

    def command(self, *words: str) -> list[str]:
        return [*self.program, "--config", str(self.conf), "--state-dir", str(self.state.path), *words]

    def start(self) -> None:
        """Start the daemon and wait until it says that it is ready."""
        with readiness(self.directory) as (address, ready):
            self.process = self.launch(NOTIFY_SOCKET=address)
            ready()

    def launch(self, **environment: str) -> subprocess.Popen[str]:
        """Start a daemon whose log is read as it comes."""
        process = self.begin(
            self.command("factory", "run", "--log-format", "json"),
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
        )
        threading.Thread(target=self._read_log, args=(process,), daemon=True).start()
        return process

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self._lines.put(line)

    def wait_for(self, silence: float = DEADLINE, /, **wanted: str) -> dict[str, Any]:
        """Read the daemon's log up to the next record that has these fields, and return it.

        The daemon may be silent for so many seconds.
        """
        while True:
            line = self._lines.get(timeout=silence)
            self.log.append(line)
            record: dict[str, Any] = json.loads(line) if line.startswith("{") else {"message": line}
            if all(text in str(record.get(field)) for field, text in wanted.items()):
                return record

    def run_to_end(self) -> subprocess.CompletedProcess[str]:
        """Run a daemon that is expected to refuse its work."""
        return subprocess.run(
            self.command("factory", "run"), capture_output=True, text=True, timeout=DEADLINE, check=False
        )

    def signal(self, number: signal.Signals) -> int:
        """Send the daemon a signal and wait for its end; return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        while not self._lines.empty():
            self.log.append(self._lines.get())
        self.process = None
        return code

    def events(self, what: str = "", **wanted: Any) -> list[dict[str, Any]]:
        """Journalled events, all or of one kind."""
        found = read(self.state.journal, limit=100000, **wanted) if self.state.journal.exists() else []
        return [event for event in found if what in {"", event["what"]}]

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=DEADLINE, check=False)

    def json(self, *words: str) -> Any:
        ran = self.cli(*words, "--json")
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


@contextmanager
def readiness(directory: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A service manager's socket; the function waits for READY=1 on it."""
    path = directory / "notify.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(DEADLINE)

        def ready() -> None:
            while b"READY=1" not in listener.recv(4096):
                pass

        yield str(path), ready


def processes_of(machine_id: str) -> list[int]:
    """Ids of all processes that belong to a machine, by their environment."""
    marker = f"VAC_MACHINE_ID={machine_id}".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return found


class Gate:
    """A named pipe at which a machine waits, or by which it tells the test that it is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)

    def wait(self) -> str:
        """Wait until somebody writes, and return what was written."""
        return self.path.read_text("utf-8").strip()

    def open(self, word: str = "go") -> None:
        """Let whoever waits there go on."""
        self.path.write_text(word, "utf-8")
