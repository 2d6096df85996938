"""What the service manager is told, over a real socket; and nothing where nobody listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.factory.notify import notify, watchdog_seconds

PATIENCE = 20.0


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager's socket, and its address in the environment."""
    name = f"vac-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(PATIENCE)
        if request.param == "path":
            listener.bind(str(tmp_path / "notify"))
            monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        else:
            listener.bind(f"\0{name}")
            monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        yield listener


@pytest.fixture
def watchdog(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_each_state_is_one_datagram(manager: socket.socket) -> None:
    notify("READY=1\nSTATUS=factory wn01")
    notify("STOPPING=1")
    assert manager.recv(4096) == b"READY=1\nSTATUS=factory wn01"
    assert manager.recv(4096) == b"STOPPING=1"


def test_without_a_service_manager_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "")
    notify("READY=1")
    assert caplog.records == []


@pytest.mark.parametrize("address", ["missing/notify", "x" * 200, "file"])
def test_a_service_manager_that_does_not_listen_is_a_warning_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / address))
    notify("READY=1")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "NOTIFY_SOCKET" in record.getMessage()
    assert "None" not in record.getMessage()


def test_a_watchdog_is_fed_twice_as_often_as_it_asks(watchdog: pytest.MonkeyPatch) -> None:
    assert watchdog_seconds() is None
    watchdog.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_seconds() == 15.0
    watchdog.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_seconds() == 15.0
    watchdog.setenv("WATCHDOG_PID", "1")
    assert watchdog_seconds() is None


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.sampled_from(["0", "-5", "²", "9" * 400])
)
def test_no_odd_word_for_the_watchdog_makes_a_busy_or_a_broken_daemon(word: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("WATCHDOG_PID", raising=False)
        patched.setenv("WATCHDOG_USEC", word)
        seconds = watchdog_seconds()
    assert seconds is None or seconds > 0
