"""Fixtures of the system tests: real daemons that no test leaves behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from system.daemon_kit import Daemon

from vac_core.testing.sweep import sweep


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A factory's files and, once it is started, its daemon; all that it started is gone after the test."""
    one = Daemon(tmp_path / "f")
    yield one
    if one.process is not None:
        one.signal(signal.SIGKILL)
    sweep(one.state.path)
