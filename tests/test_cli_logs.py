"""``vac logs``: what a machine prints, made harmless for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from vac_core.cli import logs
from vac_core.cli.main import cli
from vac_core.testing.control import FakeControl

NAME = "wn01-00.example.org"
ASKED = f"GET /log?machine={NAME}&octets=65536"


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeControl]:
    monkeypatch.setenv("VAC_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(logs, "FOLLOW_SECONDS", 0.0)
    with FakeControl(tmp_path) as running:
        yield running


def vac(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def said(log: str, *, alive: bool = False) -> dict[str, object]:
    return {"machine": "m", "name": NAME, "alive": alive, "log": log}


def test_the_log_is_printed_without_what_would_steer_a_terminal(control: FakeControl) -> None:
    control.answers["GET /log"] = said("one\n\x1b[2J\ttwo\r\n\x07")
    result = vac("logs", NAME)
    assert result.exit_code == 0, result.output
    assert result.output == "one\n[2J\ttwo\n"
    assert control.requests[-1][0] == ASKED


def test_following_shows_each_line_once_and_ends_with_the_machine(control: FakeControl) -> None:
    logs_in_turn = iter([said("a\n", alive=True), said("a\nb\n", alive=True), said("a\nb\nc\n")])

    def turn() -> None:
        control.answers["GET /log"] = next(logs_in_turn)

    control.on_request = turn
    result = vac("logs", NAME, "--follow")
    assert result.exit_code == 0, result.output
    assert result.output == "a\nb\nc\n"
    assert "machine=m&" in control.requests[-1][0]


def test_ctrl_c_ends_following_and_is_no_fault(control: FakeControl, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(_seconds: float) -> None:
        raise KeyboardInterrupt

    control.answers["GET /log"] = said("a\n", alive=True)
    monkeypatch.setattr(logs.time, "sleep", press)
    result = vac("logs", NAME, "--follow")
    assert (result.exit_code, result.output) == (0, "a\n")


def test_json_is_the_factorys_answer(control: FakeControl) -> None:
    control.answers["GET /log"] = said("x")
    assert '"log": "x"' in vac("logs", NAME, "--json").output
    assert vac("logs", NAME, "--json", "--follow").exit_code == 2


def test_a_machine_that_is_not_known_is_said(control: FakeControl) -> None:
    control.refusals["GET /log"] = (404, {"error": "no machine 'x' is or was here"})
    result = vac("logs", "x")
    assert result.exit_code == 1
    assert "no machine 'x' is or was here" in result.output


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_is_new_is_all_that_came_after(before: str, more: str) -> None:
    assert logs.news(before, before + more) == more


@given(st.text("ab\n", min_size=300, max_size=600), st.integers(0, 40), st.text("cd\n", max_size=40))
def test_a_log_that_lost_its_beginning_shows_what_is_new(before: str, lost: int, more: str) -> None:
    assert logs.news(before, before[lost:] + more) == more


@given(st.text())
def test_nothing_that_is_shown_steers_a_terminal(text: str) -> None:
    assert all(one.isprintable() or one in "\n\t" for one in logs.harmless(text))
