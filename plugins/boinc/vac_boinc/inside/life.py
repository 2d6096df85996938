"""One machine's life: BOINC's client from its start to the outcome."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from .drain import fetch_no_more
from .heard import Heard
from .outputs import Outputs, say
from .patience import Patience
from .rpc import RpcError
from .started import Owner, directory_below, end
from .told import NO_MANAGER, NO_PROJECT, Facts, outcome

LOG = "boinc.log"
REPORT = "boinc.json"
HEARTBEAT_SECONDS = 300
_TURN_SECONDS = 1.0
_DRAIN_AGAIN_SECONDS = 60.0
"""An account manager may have the client fetch again."""


class Life:
    """A client that works for one project, or for those that an account manager names."""

    def __init__(self, settings: dict[str, Any], place: Path, outputs: Outputs) -> None:
        self.outputs = outputs
        self._settings, self._place = settings, place
        self._owner = Owner(settings["user"])
        self._facts = Facts(silence=NO_MANAGER if settings["at_manager"] else NO_PROJECT)
        self._stopped = False
        self._over = threading.Event()
        """Set when the client is to end."""
        self._beaten = float("-inf")

    def stop(self) -> None:
        """The factory wants the machine to end."""
        self._stopped = True
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
            self._report()
        except OSError as error:
            say(f"{type(error).__name__}: {error}")
            return "500 The BOINC client cannot be run here"
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return outcome(self._facts._replace(stopped=self._stopped))

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
        heard = Heard(directory, self.outputs.path(LOG))
        self._watch(directory, heard)
        code = end(client)
        self._facts = heard.look(self._facts)._replace(exit_code=code)

    def _await_client(self, client: subprocess.Popen[bytes]) -> None:
        client.wait()
        self._over.set()

    def _watch(self, directory: Path, heard: Heard) -> None:
        """Look at the client now and then, until it ends or is to end."""
        contact, task = Patience(self._settings["contact_seconds"]), Patience(self._settings["task_seconds"])
        end_at = self.outputs.end()
        drain_at = end_at - self._settings["drain_seconds"] if self._settings["drains"] else float("inf")
        while not self._over.wait(_TURN_SECONDS):
            now = time.monotonic()
            self._beat(now)
            self._facts = heard.look(self._facts)
            contact = contact.turned(now, int(self._facts.contacted))
            task = task.turned(now, len(self._facts.done))
            if self._is_over(contact, task, end_at):
                return
            if self._facts.contacted and time.time() >= drain_at and _drain(directory):
                drain_at = time.time() + _DRAIN_AGAIN_SECONDS

    def _beat(self, now: float) -> None:
        """Let the factory know that the machine lives."""
        if self._settings["heartbeat_file"] and now - self._beaten >= HEARTBEAT_SECONDS:
            self.outputs.write(self._settings["heartbeat_file"], f"{os.getloadavg()[0]:.2f}\n")
            self._beaten = now

    def _is_over(self, contact: Patience, task: Patience, end_at: float) -> bool:
        """Whether it makes no sense to wait for more."""
        if not self._facts.contacted and contact.over:
            say("no project has answered in time")
            return True
        if task.over:
            self._facts = self._facts._replace(stuck_seconds=int(task.limit))
            return True
        if time.time() >= end_at - self._settings["end_margin"]:
            self._facts = self._facts._replace(out_of_time=True)
            return True
        return self._facts.row is not None and self._facts.row.final

    def _report(self) -> None:
        """Leave what was done and what it may be worth, for accounting."""
        done = self._facts.done
        told = {
            "account_manager" if self._settings["at_manager"] else "project": self._settings["account_url"],
            "claimed_credit": sum(one.claimed_credit for one in done),
            "tasks": [one._asdict() for one in done],
        }
        self.outputs.write(REPORT, json.dumps(told, indent=1) + "\n")
        self.outputs.put(LOG)


def _drain(directory: Path) -> bool:
    """Let the client fetch no more; it ends when what it has is done. Whether it has heard."""
    try:
        projects = fetch_no_more(directory)
    except (OSError, RpcError) as error:
        say(f"the client cannot be told to fetch no more: {error}")
        return False
    say(f"the client fetches no more from {', '.join(projects)}")
    return True
