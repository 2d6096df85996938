"""A factory whose processes work for a BOINC project of the test's own."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
from boinc_project import KEY, Project, project
from engines import missing
from image_server import wait_until
from system.daemon_kit import Daemon

SILENT_SECONDS = 300.0
"""A client waits for more than a minute before it reports a task that failed."""


@attrs.define
class Site:
    """A factory whose one machinetype works for one project."""

    daemon: Daemon
    project: Project

    def start(self, key: str = KEY, url: str = "", mode: int = 0o600, **options: object) -> None:
        """Start the daemon; an option that is None is left out."""
        key_file = self.daemon.directory / "key"
        key_file.parent.mkdir(parents=True, exist_ok=True)
        key_file.write_text(key + "\n")
        key_file.chmod(mode)
        given = {
            "machine_model": "process",
            "contextualiser": "boinc-client",
            "target_share": 1,
            "max_processors": 1,
            "boinc_project_url": url or self.project.url,
            "boinc_account_key_file": key_file,
            "boinc_benchmarks": "no",
            "backoff_seconds": 0,
            **options,
        }
        there = (f"{name} = {value}" for name, value in given.items() if value is not None)
        lines = "\n".join(["[machinetype home]", *there, ""])
        self.daemon.write_site(lines)
        self.daemon.conf.write_text(
            self.daemon.conf.read_text().replace("total_processors = 2", "total_processors = 1")
        )
        self.daemon.start()

    def machine(self) -> str:
        """The id of the next machine that runs."""
        found: str = self.daemon.wait_for(event_what="seen_running")["machine_id"]
        return found

    def outcome(self) -> str:
        """How the next machine ends."""
        gone = self.daemon.wait_for(SILENT_SECONDS, event_what="gone")
        return str(gone["machine_outcome"])

    def outputs(self, machine_id: str) -> Path:
        return self.daemon.state.machines / machine_id / "joboutputs"


@contextmanager
def boinc_site(directory: Path) -> Iterator[Site]:
    """A site that keeps its files in a directory; all that was started there ends with it."""
    if shutil.which("boinc") is None:
        missing("boinc-client is not installed: there is no real client to run")
    with project() as one:
        made = Site(Daemon(directory), one)
        try:
            yield made
        finally:
            if made.daemon.process is not None:
                made.daemon.control.post("/drain", {"reason": "the test is over", "until": time.time()})
                wait_until(lambda: not made.daemon.control.get("/machines")["machines"])
                made.daemon.signal(signal.SIGTERM)
