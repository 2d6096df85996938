"""One machine's life: BOINC's client from its start to the outcome."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from .outputs import Outputs, say
from .rpc import Client, RpcError
from .started import Owner, directory_below, end
from .told import CONTACT, Facts, Task, failures, meaning, outcome, tasks

LOG = "boinc.log"
REPORT = "boinc.json"
HEARTBEAT_SECONDS = 300
_RPC_SECONDS = 10
_TURN_SECONDS = 1.0


class Life:
    """A client that is attached to one project."""

    def __init__(self, settings: dict[str, Any], place: Path, outputs: Outputs) -> None:
        self.outputs = outputs
        self._settings, self._place = settings, place
        self._facts, self._owner = Facts(), Owner(settings["user"])
        self._over = threading.Event()
        """Set when the client is to end."""
        self._failed: dict[str, Task] = {}

    def stop(self) -> None:
        """The factory wants the machine to end."""
        self._facts = self._facts._replace(stopped=True)
        self._over.set()

    def message(self) -> str:
        """What the machine's life came to."""
        program = shutil.which("boinc")
        if program is None:
            return "500 Missing boinc"
        directory = directory_below(self._settings["work_parents"])
        if directory is None:
            return "500 Missing a directory to work in"
        try:
            self._lay_out(directory)
            self._run(program, directory)
            self._report(directory)
        except OSError as error:
            say(f"{type(error).__name__}: {error}")
            return "500 The BOINC client cannot be run here"
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return outcome(self._facts)

    def _lay_out(self, directory: Path) -> None:
        """Give the client its files; the account key is in one of them, and the directory is nobody else's."""
        for name in self._settings["files"]:
            copy = directory / name
            copy.touch(0o600)
            copy.write_bytes((self._place / name).read_bytes())
        self._owner.give(directory)

    def _run(self, program: str, directory: Path) -> None:
        command = [program, "--dir", str(directory), *self._settings["arguments"]]
        with self.outputs.path(LOG).open("wb") as log:
            client = self._owner.start(command, directory, log)
        threading.Thread(target=self._await_client, args=(client,), daemon=True).start()
        self._watch(directory)
        code = end(client)
        self._look(directory)
        self._facts = self._facts._replace(exit_code=code)

    def _await_client(self, client: subprocess.Popen[bytes]) -> None:
        client.wait()
        self._over.set()

    def _watch(self, directory: Path) -> None:
        """Look at the client now and then, until it ends or is to end."""
        began, beaten, end = time.monotonic(), float("-inf"), self.outputs.end()
        drain_at = end - self._settings["drain_seconds"] if self._settings["drains"] else float("inf")
        while not self._over.wait(_TURN_SECONDS):
            now = time.monotonic()
            if self._settings["heartbeat_file"] and now - beaten >= HEARTBEAT_SECONDS:
                self.outputs.write(self._settings["heartbeat_file"], f"{os.getloadavg()[0]:.2f}\n")
                beaten = now
            self._look(directory)
            if not self._facts.contacted and now - began > self._settings["contact_seconds"]:
                say("the project has not answered in time")
                return
            if self._facts.row is not None and self._facts.row.final:
                return
            if self._facts.contacted and time.time() >= drain_at:
                drain_at = float("inf") if self._drain(directory) else drain_at
            if time.time() >= end - self._settings["end_margin"]:
                self._facts = self._facts._replace(out_of_time=True)
                return

    def _look(self, directory: Path) -> None:
        """See what the client has said since, and what it has reported as failed: it keeps its last request only."""
        for path in directory.glob("sched_request_*.xml"):
            self._failed |= {one.name: one for one in failures(path.read_bytes())}
        with self.outputs.path(LOG).open(encoding="utf-8", errors="replace") as log:
            for line in log:
                row = meaning(line)
                if row is not None and (self._facts.row is None or row.final):
                    self._facts = self._facts._replace(row=row)
                if CONTACT.search(line):
                    self._facts = self._facts._replace(contacted=True)

    def _drain(self, directory: Path) -> bool:
        """Let the client fetch no more; it ends when what it has is done. Whether it has heard."""
        password = (directory / "gui_rpc_auth.cfg").read_text("ascii").split("\n")[0]
        os.chdir(directory)  # the name of a socket must be short
        try:
            with socket.socket(socket.AF_UNIX) as connected:
                connected.settimeout(_RPC_SECONDS)
                connected.connect("boinc_socket")
                client = Client(connected)
                client.log_in(password)
                client.no_more_work(self._settings["project_url"])
        except (OSError, RpcError) as error:
            say(f"the client cannot be told to fetch no more: {error}")
            return False
        finally:
            os.chdir("/")
        say("the client fetches no more")
        return True

    def _report(self, directory: Path) -> None:
        """Leave what was done and what it may be worth, for accounting."""
        done: list[Task] = []
        for path in sorted(directory.glob("job_log_*.txt")):
            done += tasks(path.read_text("utf-8", "replace").splitlines())
        known = {one.name for one in done}
        done += [one for name, one in self._failed.items() if name not in known]
        self._facts = self._facts._replace(done=tuple(done))
        told = {
            "project": self._settings["project_url"],
            "claimed_credit": sum(one.claimed_credit for one in done),
            "tasks": [one._asdict() for one in done],
        }
        self.outputs.write(REPORT, json.dumps(told, indent=1) + "\n")
        self.outputs.put(LOG)
