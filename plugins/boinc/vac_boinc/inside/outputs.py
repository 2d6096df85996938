"""What a machine leaves for the factory, and what the factory tells it: directories, or URLs of its service."""

from __future__ import annotations

import os
import time
import urllib.request
from pathlib import Path
from typing import Any

SECONDS = 30
_FEATURE_MAX = 4096
_SPOOL = "/var/spool/joboutputs"


def say(text: str) -> None:
    """A line of this program's own log."""
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "vac-boinc:", text, flush=True)


class Outputs:
    """Where the machine leaves its files: a directory, which may be put at a URL too."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._url = settings["joboutputs"] or os.environ.get("JOBOUTPUTS", "")
        self._features = settings["jobfeatures"] or os.environ.get("JOBFEATURES", "")
        self.directory = Path(self._url if self._url.startswith("/") else _SPOOL)
        self.directory.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """The file of a name."""
        return self.directory / name

    def write(self, name: str, text: str) -> None:
        """Leave a small file, whole, and put it where the factory looks."""
        being_written = self.path(f".{name}")
        being_written.write_text(text, "utf-8")
        being_written.replace(self.path(name))
        self.put(name)

    def put(self, name: str) -> None:
        """Put a file at the factory's URL. That it cannot be had is no reason to stop."""
        if not self._url.startswith("http"):
            return
        try:
            octets = self.path(name).read_bytes()
            wanted = urllib.request.Request(f"{self._url.rstrip('/')}/{name}", data=octets, method="PUT")
            with urllib.request.urlopen(wanted, timeout=SECONDS):
                pass
        except (OSError, ValueError) as error:
            say(f"{name} cannot be put to the factory: {error}")

    def end(self) -> float:
        """When the machine must have ended, in Unix seconds; a time that never comes where nobody says."""
        base = self._features if "://" in self._features else f"file://{self._features}"
        try:
            with urllib.request.urlopen(f"{base.rstrip('/')}/shutdowntime_job", timeout=SECONDS) as answer:
                return float(answer.read(_FEATURE_MAX))
        except (OSError, ValueError):
            return float("inf")
