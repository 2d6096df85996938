"""What a machine's program makes of its client's log and files, as they grow."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.inside.heard import Heard
from vac_boinc.inside.told import Facts

LINES = (
    b"26-Nov-2026 18:35:17 [Fake] Scheduler request completed: got 1 new tasks\n"
    b"26-Nov-2026 18:35:24 [Fake] Signature verification failed for app_1\n"
)
JOB = "1795718313 ue 1.5 ct 2.25 fe 1500000000 nm {name} et 3.0 es 0\n"
FAILED = "<scheduler_request><result><name>{name}</name><exit_status>1</exit_status></result></scheduler_request>"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    made = tmp_path / "boinc.log"
    made.touch()
    return made


@given(st.lists(st.integers(0, len(LINES)), max_size=5).map(sorted))
def test_a_log_is_understood_in_whatever_pieces_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    log = tmp_path_factory.mktemp("heard") / "boinc.log"
    heard, facts = Heard(log.parent, log), Facts()
    for begin, end in zip([0, *cuts], [*cuts, len(LINES)], strict=True):
        with log.open("ab") as file:
            file.write(LINES[begin:end])
        facts = heard.look(facts)
    assert facts.contacted
    assert facts.row is not None
    assert facts.row.outcome.startswith("600 ")


def test_a_line_that_is_not_whole_is_waited_for(log: Path) -> None:
    heard = Heard(log.parent, log)
    log.write_bytes(LINES[:60])
    assert not heard.look(Facts()).contacted


def test_a_failed_task_is_known_after_the_client_has_forgotten_it(log: Path) -> None:
    heard, request = Heard(log.parent, log), log.parent / "sched_request_project.xml"
    request.write_text(FAILED.format(name="wu_1_0"))
    facts = heard.look(Facts())
    request.write_text(FAILED.format(name="wu_2_0"))
    (log.parent / "job_log_project.txt").write_text(JOB.format(name="wu_3_0"))
    facts = heard.look(facts)
    assert [(one.name, one.exit_status) for one in facts.done] == [("wu_3_0", 0), ("wu_1_0", 1), ("wu_2_0", 1)]


def test_a_task_that_is_in_both_its_log_and_a_report_counts_once(log: Path) -> None:
    (log.parent / "sched_request_project.xml").write_text(FAILED.format(name="wu_1_0"))
    (log.parent / "job_log_project.txt").write_text(JOB.format(name="wu_1_0"))
    assert [one.exit_status for one in Heard(log.parent, log).look(Facts()).done] == [0]
