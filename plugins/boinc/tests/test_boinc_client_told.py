"""What BOINC's client says and leaves behind, and the outcome that this comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.inside.told import COBBLESTONE, Facts, Row, Task, failures, meaning, outcome, silence, tasks

LINE = "1795718313 ue 1.5 ct 2.25 fe 1500000000 nm wu_1_0 et 3.006165 es 0"
DONE = Task("wu_1_0", 2.25, 3.006165, 0, 3.006165e9 * COBBLESTONE)


def failed(status: int) -> Task:
    return DONE._replace(exit_status=status)


def test_a_line_of_the_job_log_is_a_task_with_its_claimed_credit() -> None:
    (task,) = tasks([LINE])
    assert task._replace(claimed_credit=0.0) == DONE._replace(claimed_credit=0.0)
    assert task.claimed_credit == pytest.approx(0.0069587, abs=1e-7)  # what a real server granted for it


@given(st.text())
def test_a_job_log_that_makes_no_sense_is_passed_over(text: str) -> None:
    assert all(isinstance(one, Task) for one in tasks(text.splitlines()))


@given(st.integers(0, len(LINE) - 1))
def test_a_line_that_is_cut_off_is_no_task(length: int) -> None:
    assert [one.name for one in tasks([LINE, LINE[:length]])] == ["wu_1_0"]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (Facts(stopped=True, contacted=True, done=(DONE,)), "100"),
        (Facts(contacted=True, done=(DONE, failed(1))), "200"),
        (Facts(contacted=True), "300"),
        (Facts(contacted=True, done=(failed(207),)), "300"),
        (Facts(contacted=True, row=Row("", "400 no such key")), "400"),
        (Facts(contacted=True, done=(failed(206),)), "500"),
        (Facts(contacted=True, done=(failed(1), failed(207))), "600"),
        (Facts(), "700"),
        (Facts(silence="300 no project"), "300"),
        (Facts(contacted=True, out_of_time=True), "700"),
        (Facts(contacted=True, stuck_seconds=60, done=(failed(199),)), "700"),
        (Facts(contacted=True, stuck_seconds=60, done=(DONE,)), "200"),
        (Facts(contacted=True, out_of_time=True, done=(failed(199), failed(1))), "600"),
        (Facts(contacted=True, exit_code=1), "700"),
    ],
)
def test_an_outcome_has_the_code_of_what_happened(facts: Facts, code: str) -> None:
    assert outcome(facts).startswith(f"{code} ")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("26-Nov-2026 18:35:19 [Fake] Invalid or missing account key.  To fix, remove and add this project.", "400"),
        ("26-Nov-2026 18:35:24 [Fake] Signature verification failed for app_1", "600"),
        ("26-Nov-2026 21:04:27 [Fake manager] Message from account manager: bad password", "400"),
        ("26-Nov-2026 21:04:27 [Fake manager] Message from account manager: down for maintenance", "400"),
        ("26-Nov-2026 21:04:27 [---] Bad signature for URL http://127.0.0.1:34933/", "600"),
        ("26-Nov-2026 18:35:24 [Fake] This project doesn't support computers of type x86_64-pc-linux-gnu", "500"),
    ],
)
def test_a_message_of_the_client_has_its_meaning(line: str, code: str) -> None:
    row = meaning(line)
    assert row is not None
    assert row.outcome.startswith(code)


def test_most_messages_mean_nothing() -> None:
    assert meaning("26-Nov-2026 18:35:17 [Fake] Scheduler request completed: got 1 new tasks") is None


def test_what_no_answer_means_depends_on_how_far_the_client_came() -> None:
    lines = [
        "26-Nov-2026 21:04:25 [---] Contacting account manager at http://127.0.0.1:39833/",
        "26-Nov-2026 21:04:27 [---] Account manager contact succeeded",
        "26-Nov-2026 21:04:27 [---] Attaching to http://127.0.0.1:45113/",
    ]
    assert [silence(line)[:3] for line in lines] == ["", "300", "700"]


REQUEST = b"""<scheduler_request>
<result><name>wu_1_0</name><final_cpu_time>2.5</final_cpu_time><final_elapsed_time>3</final_elapsed_time>
<exit_status>207</exit_status></result>
<result><name>wu_2_0</name><exit_status>0</exit_status></result>
</scheduler_request>"""


def test_failed_tasks_are_in_what_the_client_reports() -> None:
    assert list(failures(REQUEST)) == [Task("wu_1_0", 2.5, 3.0, 207, 0.0)]


@given(st.integers(0, len(REQUEST) - 1))
def test_a_report_that_is_being_written_has_none_yet(length: int) -> None:
    assert list(failures(REQUEST[:length])) == []
