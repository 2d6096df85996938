"""An engine that cannot be followed is told of once, not at each try."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from vac_docker.errors import EngineError
from vac_docker.events import Events

TRIES = 4


class Away:
    """An engine that is not there; half-way the reason is another."""

    socket = Path("/run/no/such.sock")

    def __init__(self) -> None:
        self.tries = 0
        self.enough = threading.Event()

    def client(self, *, timeout: float | None) -> Any:
        del timeout
        self.tries += 1
        if self.tries > TRIES:
            self.enough.set()
        raise EngineError("no such file" if self.tries <= TRIES // 2 else "permission denied")


def test_what_is_wrong_is_told_once_and_again_when_it_is_something_else(caplog: pytest.LogCaptureFixture) -> None:
    engine = Away()
    with caplog.at_level(logging.WARNING):
        events = Events(engine, {}, lambda _: None)  # type: ignore[arg-type] - all that is used of an engine
        assert engine.enough.wait(60)
        events.close()
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "no events: no such file",
        "no events: permission denied",
    ]
