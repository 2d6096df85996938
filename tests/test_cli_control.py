"""Commands that ask a running factory: a fake control service answers them over a real Unix socket."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vac_core.cli.client import NotRunning, unreachable
from vac_core.cli.main import cli
from vac_core.testing.control import FakeControl, status, why
from vac_core.testing.makers import NOW

Vac = Callable[..., Result]


@pytest.fixture
def vac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vac:
    """Run ``vac`` for a factory whose state directory is the test's own."""
    (tmp_path / "site.conf").write_text("[settings]\nvac_space = vac01.example.org\nfactory_name = wn01.example.org\n")
    monkeypatch.setenv("VAC_CONFIG", str(tmp_path / "site.conf"))
    monkeypatch.setenv("VAC_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)
    return lambda *words: CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture
def control(tmp_path: Path) -> Iterator[FakeControl]:
    with FakeControl(tmp_path) as running:
        yield running


def test_why_shows_each_machinetype_in_its_place_with_its_reason(vac: Vac, control: FakeControl) -> None:
    result = vac("why")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].split() == ["PLACE", "MACHINETYPE", "STATE", "WHY"]
    assert lines[1].split()[:3] == ["1", "lhcb", "next"]
    assert "target-shares ranks it 0.125: runs 10 HS06 for a share of 3" in lines[1]
    assert lines[2].split()[:3] == ["-", "atlas", "vetoed"]
    assert "300 no work" in lines[2]
    assert "in 1m 30s" in lines[2]
    assert "[backoff]" in lines[2]


def test_why_of_one_machinetype_prints_its_chain(vac: Vac, control: FakeControl) -> None:
    lines = vac("why", "lhcb").output.splitlines()
    assert lines[0] == "lhcb is next to be started, in place 1"
    assert "target-shares ranks it" in lines[1]
    assert lines[2].startswith("  started now: 2 processors until")


def test_why_names_what_holds_back_the_whole_host_and_policies_that_failed(vac: Vac, control: FakeControl) -> None:
    veto = {"policy": "host-limits", "reason": "load is 9.5", "until": None}
    control.answers["GET /why"] = why(host=[veto], failures={"boinc": "raised KeyError: 'x'"})
    lines = vac("why").output.splitlines()
    assert lines[0] == "nothing is started: load is 9.5 [host-limits]"
    assert lines[1] == "policy boinc failed and was left out: raised KeyError: 'x'"


def test_why_of_an_unknown_machinetype_names_those_there_are(vac: Vac, control: FakeControl) -> None:
    result = vac("why", "cms")
    assert result.exit_code == 1
    assert result.output == "vac: this factory has no machinetype 'cms': there are: atlas, lhcb\n"


def test_why_in_json_is_the_factory_s_own_document(vac: Vac, control: FakeControl) -> None:
    assert json.loads(vac("why", "--json").output) == why()
    assert json.loads(vac("why", "lhcb", "--json").output) == why()["machinetypes"][1]


def test_drain_and_undrain_send_what_was_asked_for(vac: Vac, control: FakeControl) -> None:
    control.answers["POST /drain"] = {"draining": True, "until": 1999999999}
    control.answers["POST /undrain"] = {"draining": False, "reason": ""}
    assert vac("drain").exit_code == 0
    result = vac("drain", "--until", "1999999999", "--reason", "new disk")
    assert result.exit_code == 0
    assert "all end by 2033-05-" in result.output
    assert vac("undrain").output == "no longer draining\n"
    assert control.requests == [
        ("POST /drain", {"until": None, "reason": ""}),
        ("POST /drain", {"until": 1999999999.0, "reason": "new disk"}),
        ("POST /undrain", {}),
    ]


def test_undrain_says_when_the_site_files_go_on_draining(vac: Vac, control: FakeControl) -> None:
    control.answers["POST /undrain"] = {"draining": True, "reason": "draining = yes in [settings]"}
    assert vac("undrain").output == "still draining: draining = yes in [settings]\n"


def test_a_drain_that_ends_in_the_past_is_a_usage_error_and_never_sent(vac: Vac, control: FakeControl) -> None:
    result = vac("drain", "--until", "1000000000")
    assert result.exit_code == 2
    assert "is past" in result.output
    assert control.requests == []


def test_stop_names_the_machine_and_shows_the_factory_s_refusal(vac: Vac, control: FakeControl) -> None:
    control.answers["POST /stop"] = {"machine": {}}
    assert vac("stop", "wn01-00.example.org", "--reason", "runs away").exit_code == 0
    assert control.requests == [("POST /stop", {"machine": "wn01-00.example.org", "reason": "runs away"})]
    control.refusals["POST /stop"] = (404, {"error": "there is no machine 'x' alive here"})
    result = vac("stop", "x")
    assert (result.exit_code, result.output) == (1, "vac: there is no machine 'x' alive here\n")


def test_reload_tells_of_broken_files_and_exits_with_1(vac: Vac, control: FakeControl) -> None:
    control.answers["POST /reload"] = {"stale": False, "problems": []}
    assert vac("config", "reload").exit_code == 0
    control.answers["POST /reload"] = {"stale": True, "problems": ["vac.conf:4 [settings] x: unknown"]}
    result = vac("config", "reload")
    assert result.exit_code == 1
    assert result.output.splitlines()[0] == "vac.conf:4 [settings] x: unknown"


def test_plugins_shows_what_failed_in_the_running_factory(vac: Vac, control: FakeControl) -> None:
    assert vac("plugins").exit_code == 0
    control.answers["GET /status"] = status(
        troubles={"observer log": "disk full"}, why=why(failures={"backoff": "raised"})
    )
    result = vac("plugins", "--json")
    assert result.exit_code == 1
    records = {record["name"]: record for record in json.loads(result.output)}
    assert records["log"]["state"] == records["policies"]["state"] == "failed"
    assert records["log"]["error"] == "in the factory, observer log: disk full"
    assert records["policies"]["error"] == "in the factory, policy backoff: raised"
    assert records["static"]["state"] == "active"


def test_plugins_needs_no_factory(vac: Vac) -> None:
    result = vac("plugins")
    assert result.exit_code == 0
    assert [line.split()[:4] for line in result.output.splitlines() if line.startswith("log ")] == [
        ["log", "1.0.0", "vac-core", "active"]
    ]


def test_top_draws_once_where_there_is_no_terminal(vac: Vac, control: FakeControl) -> None:
    result = vac("top")
    assert result.exit_code == 0
    assert "vac01.example.org" in result.output
    assert "#oo-----" in result.output
    assert "lhcb is first" in result.output
    assert "\x1b" not in result.output


def test_top_draws_further_factories_of_this_host(vac: Vac, control: FakeControl, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with FakeControl(other) as second:
        second.answers["GET /status"] = status(factory="wn02.example.org")
        result = vac("top", "--json", "--also", other)
    assert [frame["factory"] for frame in json.loads(result.output)] == ["wn01.example.org", "wn02.example.org"]


def test_top_on_a_terminal_is_live_until_ctrl_c(tmp_path: Path, vac: Vac, control: FakeControl) -> None:
    leader, follower = pty.openpty()
    asked = threading.Event()
    control.on_request = lambda: asked.set() if len(control.requests) >= 3 else None
    command = [sys.executable, "-c", "from vac_core.cli.main import main; main()", "top", "--interval", "0.1"]
    running = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm"}
    )
    os.close(follower)
    drawn = b""
    while not asked.is_set():
        drawn += os.read(leader, 65536)
    running.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):
        while more := os.read(leader, 65536):
            drawn += more
    os.close(leader)
    assert running.wait(timeout=60) == 0
    assert b"lhcb is first" in drawn
    assert b"Traceback" not in drawn


@pytest.mark.parametrize(
    "words", [["why"], ["top"], ["drain"], ["undrain"], ["stop", "x"], ["config", "reload"], ["why", "--json"]]
)
def test_without_a_factory_the_mend_is_told(words: list[str], vac: Vac, tmp_path: Path) -> None:
    result = vac(*words)
    assert result.exit_code == 1
    assert result.output.startswith(f"vac: no factory runs at {tmp_path}: start it with 'vac factory run'")


def test_a_socket_that_a_dead_factory_left_is_no_factory(vac: Vac, tmp_path: Path) -> None:
    with FakeControl(tmp_path) as gone:
        left = gone.socket.with_name("left.sock")
        gone.socket.rename(left)
    left.rename(tmp_path / "control.sock")
    assert "no factory runs" in vac("why").output


@pytest.mark.parametrize(("answer", "said"), [(b"<html>", "is not JSON"), (b"", "is not JSON")])
def test_another_program_s_answer_is_told_as_such(answer: bytes, said: str, vac: Vac, control: FakeControl) -> None:
    control.answers["GET /why"] = answer
    result = vac("why")
    assert result.exit_code == 1
    assert said in result.output


@pytest.mark.parametrize(("body", "said"), [({}, "with status 503"), ([], "with status 503"), ({"error": "no"}, "no")])
def test_a_refusal_without_words_is_still_told(body: Any, said: str, vac: Vac, control: FakeControl) -> None:
    control.refusals["GET /why"] = (503, body)
    result = vac("why")
    assert result.exit_code == 1
    assert said in result.output


def test_a_state_directory_too_deep_for_a_socket_is_told(vac: Vac, tmp_path: Path) -> None:
    result = vac("--state-dir", tmp_path / ("d" * 100), "why")
    assert result.exit_code == 1
    assert "shorter name" in result.output


def test_permission_denied_and_stranger_errors_have_their_own_mend(tmp_path: Path) -> None:
    socket = tmp_path / "control.sock"
    assert "sudo" in str(unreachable(socket, PermissionError(errno.EACCES, "denied")))
    assert isinstance(unreachable(socket, OSError(errno.ECONNREFUSED, "refused")), NotRunning)
    assert "cannot be asked: Broken pipe" in str(unreachable(socket, OSError(errno.EPIPE, "Broken pipe")))


def test_what_a_guest_wrote_cannot_steer_the_terminal(vac: Vac, control: FakeControl) -> None:
    nasty = {"policy": "backoff", "reason": "\x1b[2J[bold]boo[/bold]\x07\r", "until": NOW + 5}
    standing = {"machinetype": "lhcb", "place": None, "state": "vetoed", "reasons": [nasty], "ranks": []}
    control.answers["GET /why"] = why(machinetypes=[standing])
    control.answers["GET /status"] = status(why=why(machinetypes=[standing]))
    for words in (["why"], ["why", "lhcb"], ["top"]):
        output = vac(*words).output
        assert "[bold]boo[/bold]" in output
        assert not set(output) & {"\x1b", "\x07", "\r"}
