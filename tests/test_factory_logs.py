"""The daemon's log: lines for people, objects for machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from vac_core.factory.logs import set_up

NAME = "vac_core.factory.test"


@pytest.fixture(autouse=True)
def usual_logging() -> Iterator[None]:
    """Puts logging back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_every_json_line_is_an_object_whatever_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("json", "info")
    log = logging.getLogger(NAME)
    log.info("factory %s is at work", "wn01")
    log.warning('quotes " and\nlines and \x1b[31mcolours\x1b[0m and \ud800')
    log.error("work failed", exc_info=ValueError("in the background"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == [
        "factory wn01 is at work",
        'quotes " and\nlines and \x1b[31mcolours\x1b[0m and \ud800',
        "work failed",
    ]
    assert [line["levelname"] for line in lines] == ["INFO", "WARNING", "ERROR"]
    assert {line["name"] for line in lines} == {NAME}
    assert all(line["asctime"][:2] == "20" for line in lines)
    assert "ValueError: in the background" in lines[2]["exc_info"]


def test_people_get_one_line_with_time_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("human", "info")
    logging.getLogger(NAME).error("the disk is full")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" ERROR   the disk is full")


def test_the_level_is_kept_and_nothing_goes_to_the_output_stream(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("human", "warning")
    logging.getLogger(NAME).info("unimportant")
    logging.getLogger(NAME).warning("important")
    said = capsys.readouterr()
    assert said.out == ""
    assert "unimportant" not in said.err
    assert "important" in said.err


def test_to_set_it_up_again_says_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("human", "info")
    set_up("json", "info")
    logging.getLogger(NAME).info("once")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "once"


def test_a_level_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        set_up("human", "loud")
