"""Fixtures of the system tests: real daemons that no test leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from system.daemon_kit import Daemon, processes_of


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A factory's files and, once it is started, its daemon; all that it started is gone after the test."""
    one = Daemon(tmp_path / "f")
    yield one
    if one.process is not None:
        one.signal(signal.SIGKILL)
    for machine_id in {event["machine"]["id"] for event in one.events() if event["machine"]}:
        for pid in processes_of(machine_id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
