"""Courtesy to the owner's own BOINC client: what is due, and that whoever listens there can do no harm."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.courtesy import SLACK_SECONDS, Act, Courtesy, act
from vac_boinc.host_client import Status, read_password
from vac_boinc.inside.rpc import Client, RpcError, element
from vac_boinc.options import BoincPlugin, loopback

from vac_core.interfaces import Observer, PluginError
from vac_core.model import HealthState
from vac_core.options import OptionValueError
from vac_core.testing import home
from vac_core.testing.contracts.observer import ObserverContract

SECRET = "s3cret-of-the-owner"


class TestCourtesyContract(ObserverContract):
    """With no client to be courteous to."""

    @pytest.fixture
    def observer(self) -> Observer:
        return Courtesy()


@pytest.mark.parametrize(
    ("status", "machines", "ours", "due"),
    [
        (Status("auto", 0.0), True, None, Act.REST),
        (Status("always", 0.0), True, None, Act.REST),
        (Status("never", 100.0), True, 100.5, Act.REST),
        (Status("never", 0.0), True, 100.0, Act.LEAVE),
        (Status("never", 60.0), True, None, Act.LEAVE),
        (Status("never", 3600.0), True, 100.0, Act.LEAVE),
        (Status("auto", 0.0), True, 100.0, Act.REST),
        (Status("never", 100.0), False, 100.5, Act.GO_ON),
        (Status("never", 3600.0), False, 100.0, Act.LEAVE),
        (Status("never", 0.0), False, 100.0, Act.LEAVE),
        (Status("never", 60.0), False, None, Act.LEAVE),
        (Status("auto", 0.0), False, 100.0, Act.LEAVE),
        (Status("always", 0.0), False, None, Act.LEAVE),
    ],
)
def test_what_is_due(status: Status, machines: bool, ours: float | None, due: Act) -> None:
    assert act(status, machines=machines, ours=ours) is due


@given(left=st.floats(), ours=st.none() | st.floats(-1e6, 1e6), machines=st.booleans())
def test_one_that_rests_for_longer_than_we_said_is_never_touched(
    left: float, ours: float | None, machines: bool
) -> None:
    if ours is None or not 0 < left <= ours + SLACK_SECONDS:
        assert act(Status("never", left), machines=machines, ours=ours) is Act.LEAVE


ELSEWHERE = ["192.0.2.1:31416", "0.0.0.0:31416", "boinc.example.org:31416", "localhost.example.org:31416"]
NO_SERVER = ["127.0.0.1", "31416", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:1 127.0.0.1:2", "[::1]:31416"]


@pytest.mark.parametrize("raw", [*ELSEWHERE, *NO_SERVER])
def test_what_is_not_this_host_s_loopback_is_refused(raw: str) -> None:
    with pytest.raises(OptionValueError):
        loopback(raw)


@pytest.mark.parametrize("raw", ["127.0.0.1:31416", "127.1.2.3:1", "localhost:31416"])
def test_loopback_is_taken(raw: str) -> None:
    assert loopback(raw) == raw


def password_file(tmp_path: Path, mode: int = 0o640) -> Path:
    path = tmp_path / "gui_rpc_auth.cfg"
    path.write_text(f"{SECRET}\nmore\n")
    path.chmod(mode)
    return path


def test_the_first_line_of_the_password_s_file_counts(tmp_path: Path) -> None:
    assert read_password(password_file(tmp_path)) == SECRET


def test_debian_s_password_is_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").touch(0o600)
    assert read_password(tmp_path / "empty") == ""


def test_a_password_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"can be read by everybody \(mode 0644\): chmod o=") as refused:
        read_password(password_file(tmp_path, 0o644))
    assert SECRET not in str(refused.value)


def test_a_password_in_a_pipe_or_a_directory_or_nowhere_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, why in (
        (tmp_path / "pipe", "no.* plain file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "n", "No such"),
    ):
        with pytest.raises(PluginError, match=why):
            read_password(path)


@contextmanager
def listening(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """Somebody who listens where the client is looked for, and answers each that comes in his own way."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        answer(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def always(reply: bytes) -> Callable[[socket.socket], object]:
    """Answer each request with this."""

    def answer(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(reply)

    return answer


def said_of(address: str, tmp_path: Path) -> tuple[HealthState, str]:
    """What courtesy says of whoever listens there."""
    options = BoincPlugin(host_client=address, host_client_password_file=str(password_file(tmp_path)))
    courtesy = Courtesy()
    courtesy.start(home(tmp_path / "home", options=options))
    courtesy.stop()
    health = courtesy.health()
    return health.state, health.found


LAUGHS = b"<!DOCTYPE r [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><r>&b;</r>\003"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (LAUGHS, "declares a document type"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n\003", "is no XML"),
        (b"\xff\xfe\x00<\003", "is no XML"),
        (b"<r>" + b" " * 100_000, "is not whole"),
        (b"<r><authorized/></r>\003", "its status is not that of a BOINC client"),
        (b"<r><authorized/><cc_status><task_mode>9</task_mode></cc_status></r>\003", "its status is not"),
        (b"<r><unauthorized/></r>\003", "refuses the password"),
    ],
)
def test_whoever_answers_wrongly_is_told_of_and_does_no_harm(tmp_path: Path, reply: bytes, why: str) -> None:
    with listening(always(reply)) as address:
        state, found = said_of(address, tmp_path)
    assert state is HealthState.DEGRADED
    assert found.startswith(f"host_client {address}: ")
    assert why in found
    assert SECRET not in found


def test_one_that_hangs_up_is_told_of(tmp_path: Path) -> None:
    with listening(lambda _: None) as address:
        assert said_of(address, tmp_path)[0] is HealthState.DEGRADED


def test_one_that_answers_octet_by_octet_is_not_waited_for_for_ever() -> None:
    def drip(connection: socket.socket) -> None:
        connection.settimeout(0.05)
        while True:
            connection.sendall(b" ")
            try:
                connection.recv(1)
            except TimeoutError:
                continue

    with listening(drip) as address:
        host, port = address.split(":")
        with socket.create_connection((host, int(port))) as connection, pytest.raises(TimeoutError):
            Client(connection, seconds=0.5).ask(element("get_cc_status"))


def test_what_the_client_says_against_it_is_one_short_line() -> None:
    reply = b"<r><error>no\n2026 factory: all is well" + b" x" * 5000 + b"</error></r>\003"
    with listening(always(reply)) as address:
        host, port = address.split(":")
        with socket.create_connection((host, int(port))) as connection, pytest.raises(RpcError) as refused:
            Client(connection).tell(element("set_run_mode"))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_a_client_that_is_not_there_is_told_of_once_and_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    well = (
        b"<r><authorized/><cc_status><task_mode>2</task_mode><task_mode_delay>0.0</task_mode_delay></cc_status></r>\003"
    )
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    options = {"host_client_password_file": str(password_file(tmp_path))}
    now = [BoincPlugin(host_client=address, **options)]
    courtesy = Courtesy()
    courtesy.start(attrs.evolve(home(tmp_path), options=lambda: now[0]))
    try:
        courtesy.look()
        courtesy.look()
        assert courtesy.health().found == f"host_client {address}: Connection refused"
        assert courtesy.health().mend.startswith("start BOINC's client, or take the option out;")
        assert len(caplog.records) == 1
        with listening(always(well)) as there:
            now[0] = BoincPlugin(host_client=there, **options)
            courtesy.look()
        assert courtesy.health().state is HealthState.HEALTHY
        assert len(caplog.records) == 2
    finally:
        courtesy.stop()
    assert SECRET not in caplog.text
