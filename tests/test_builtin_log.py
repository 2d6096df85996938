from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import attrs
import pytest

from vac_core.builtin.log import EventLog, line
from vac_core.factory.logs import set_up
from vac_core.model import Event, EventKind, MachineState, Outcome
from vac_core.testing import ObserverContract
from vac_core.testing.makers import NOW, machine


def event(outcome: Outcome | None = None, reason: str = "", what: str = "gone") -> Event:
    one = machine(state=MachineState.ENDED, outcome=outcome, token="the-secret")
    return Event(seq=7, time=NOW, kind=EventKind.MACHINE, what=what, reason=reason, machine=one)


class TestEventLogKeepsTheContract(ObserverContract):
    @pytest.fixture
    def observer(self) -> EventLog:
        return EventLog()


@pytest.mark.parametrize(
    ("told", "written"),
    [
        (event(Outcome(200, "Success")), "machine wn01-00.example.org (lhcb) gone: 200 Success"),
        (event(Outcome(None, "broke"), "broke"), "machine wn01-00.example.org (lhcb) gone: broke"),
        (event(Outcome(300, "no work"), "seen"), "machine wn01-00.example.org (lhcb) gone: 300 no work; seen"),
        (event(what="created"), "machine wn01-00.example.org (lhcb) created"),
        (attrs.evolve(event(reason="new disk", what="draining"), machine=None), "factory draining: new disk"),
    ],
)
def test_an_event_is_a_line(told: Event, written: str) -> None:
    assert line(told) == written


def test_an_abort_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        EventLog().observe(event(Outcome(200, "Success")))
        EventLog().observe(event(Outcome(300, "no work")))
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


@pytest.fixture
def _log_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_log_put_back")
def test_the_json_log_has_an_event_s_fields_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("json", "info")
    EventLog().observe(event(Outcome(200, "Success"), "for the test"))
    written = capsys.readouterr().err
    record = json.loads(written)
    assert record["machinetype"] == "lhcb"
    assert record["event_what"] == "gone"
    assert record["event_reason"] == "for the test"
    assert record["machine_outcome"] == "200 Success"
    assert "the-secret" not in written
