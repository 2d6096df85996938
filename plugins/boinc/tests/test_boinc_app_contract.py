"""The guest contract as BOINC's wrappers read it: triggers, heartbeats, time, progress, exit codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.inside.clock import Clock
from vac_boinc.inside.contract import Pulse, Trigger, fraction_done, outcome_of, progress, trigger

INTERVAL = 600.0


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"0\n", Trigger(0)),
        (b"208\n208\na sub task failed\n", Trigger(208, "a sub task failed", is_notice=True)),
        (b"207\r\n0\r\nno jobs\r\n", Trigger(207, "no jobs")),
        (b"\n", Trigger(0)),
        (b"rubbish\nmore\n", Trigger(0)),
    ],
)
def test_a_trigger_is_a_code_with_a_message(raw: bytes, said: Trigger) -> None:
    assert trigger(raw) == said


@given(st.integers(0, 255), st.sampled_from(["\n", "\r\n"]), st.text(max_size=20), st.data())
def test_a_trigger_that_is_half_written_never_tells_another_code(
    code: int, end: str, message: str, data: st.DataObject
) -> None:
    whole = f"{code}{end}0{end}{message}{end}".encode("utf-8", "replace")
    found = trigger(whole[: data.draw(st.integers(0, len(whole)))])
    assert found is None or found.number == code


@given(st.binary(max_size=100))
def test_any_octets_are_a_trigger_or_none(raw: bytes) -> None:
    found = trigger(raw)
    assert (found is None) == (b"\n" not in raw)


def looked(pulse: Pulse, times: list[tuple[float, float | None]]) -> Pulse:
    for elapsed, changed in times:
        pulse = pulse.looked(elapsed, changed)
    return pulse


def test_a_heartbeat_that_changes_is_a_sign_of_life() -> None:
    assert looked(Pulse(INTERVAL), [(200.0 * turn, 1000.0 + turn) for turn in range(1, 50)]).lost == ""


def test_a_guest_is_lost_after_three_checks_without_one() -> None:
    still = [(200.0 * turn, 1000.0) for turn in range(1, 5)]
    assert looked(Pulse(INTERVAL), still[:-1]).lost == ""
    assert looked(Pulse(INTERVAL), still).lost == "its heartbeat stopped for 600 s"


def test_a_guest_without_a_heartbeat_file_is_lost_at_the_first_check() -> None:
    assert looked(Pulse(INTERVAL), [(100.0, None)]).lost == ""
    assert looked(Pulse(INTERVAL), [(200.0, None)]).lost == "it has no heartbeat file"


@given(st.lists(st.floats(61, 10**6), max_size=5))
def test_time_in_which_a_machine_is_held_counts_for_nothing(held: list[float]) -> None:
    now, clock = 1000.0, Clock()
    for gap in [*held, 0.0]:
        for _ in range(10):
            clock, now = clock.turned(now), now + 1
        now += gap
    assert clock.elapsed == pytest.approx(9 * (len(held) + 1))


def test_a_heartbeat_across_a_hold_is_no_loss() -> None:
    clock, pulse, now = Clock(), Pulse(INTERVAL), 0.0
    for _ in range(190):
        clock, now = clock.turned(now), now + 1
    pulse = pulse.looked(clock.elapsed, 1.0)
    clock = clock.turned(now + 86400)
    assert pulse.looked(clock.elapsed, 1.0).strikes == 0
    assert clock.elapsed < 200


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"0.5\n", 0.5),
        (b"0.1\n0.2\n0.3", 0.3),
        (b"0.25\r\n", 0.25),
        (b"0.5\n1.5\n", 0.5),
        (b"0.5\nnan\n", 0.5),
        (b"", None),
        (b"half", None),
    ],
)
def test_the_last_part_that_makes_sense_counts(raw: bytes, part: float | None) -> None:
    assert fraction_done(raw) == part


def test_progress_is_what_the_guest_says_else_the_part_of_its_time() -> None:
    assert progress(0.7, 10, 100) == 0.7
    assert progress(None, 10, 100) == 0.1
    assert progress(None, 200, 100) == 1.0
    assert progress(None, 10, 0) == 0.001


@pytest.mark.parametrize(
    ("code", "outcome"), [(0, "200"), (207, "300"), (206, "500"), (208, "600"), (1, "700"), (-9, "700")]
)
def test_an_exit_code_has_its_outcome(code: int, outcome: str) -> None:
    assert outcome_of(code).startswith(f"{outcome} ")


def test_a_message_of_a_guest_stays_in_its_line() -> None:
    assert outcome_of(208, "one\ntwo") == "600 A part of the task failed (exit 208): one two"
