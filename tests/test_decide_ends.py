"""When a machine must be ended, and what is written of its end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.decide.ends import (
    HEARTBEAT_MISSING,
    HEARTBEAT_STALE,
    NEVER_STARTED,
    PAUSED,
    SHUTDOWN_TIME,
    START_SECONDS,
    due,
    final_outcome,
    requested,
)
from vac_core.model import RETRY_MOST, MachineState, Outcome
from vac_core.testing.makers import NOW, machine, machinetype

LONG_UP = NOW - 7200.0
WITH_HEARTBEAT = machinetype(heartbeat_file="heartbeat", heartbeat_seconds=900, fizzle_seconds=600)


def test_a_machine_in_good_health_runs_on() -> None:
    found = due(machine(), WITH_HEARTBEAT, NOW, service_up_since=LONG_UP, heartbeat_file_mtime=NOW - 10.0)
    assert found is None


@pytest.mark.parametrize("state", [MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED])
def test_a_machine_is_ended_once_its_shutdown_time_has_passed(state) -> None:
    overdue = machine(state=state, created=NOW - 10.0, shutdown_time=NOW - 1.0)
    assert due(overdue, None, NOW) is SHUTDOWN_TIME
    assert due(machine(state=state, created=NOW - 10.0, shutdown_time=NOW), None, NOW) is None


def test_no_machine_outlives_its_factory() -> None:
    assert due(machine(), None, NOW, shutdown_time=NOW - 1.0) is SHUTDOWN_TIME
    assert due(machine(), None, NOW, shutdown_time=NOW + 1.0) is None


@pytest.mark.parametrize("state", [MachineState.PLANNED, MachineState.STOPPING, MachineState.ENDED])
def test_a_machine_that_is_not_made_yet_or_is_being_stopped_is_left_alone(state) -> None:
    assert due(machine(state=state, shutdown_time=NOW - 1.0), WITH_HEARTBEAT, NOW, paused=True) is None


def test_a_machine_that_does_not_start_is_ended() -> None:
    starting = machine(state=MachineState.STARTING, created=NOW - START_SECONDS)
    assert due(starting, None, NOW) is None
    assert due(starting, None, NOW + 1.0) is NEVER_STARTED


def test_a_missing_heartbeat_file_counts_once_there_was_time_to_write_it() -> None:
    young = machine(started=NOW - 600.0)
    assert due(young, WITH_HEARTBEAT, NOW, service_up_since=LONG_UP) is None
    assert due(young, WITH_HEARTBEAT, NOW + 1.0, service_up_since=LONG_UP) is HEARTBEAT_MISSING


def test_a_heartbeat_that_stops_is_noticed_after_heartbeat_seconds() -> None:
    assert due(machine(), WITH_HEARTBEAT, NOW, service_up_since=LONG_UP, heartbeat_file_mtime=NOW - 900.0) is None
    found = due(machine(), WITH_HEARTBEAT, NOW, service_up_since=LONG_UP, heartbeat_file_mtime=NOW - 901.0)
    assert found is HEARTBEAT_STALE


def test_a_heartbeat_may_grow_old_where_the_site_sets_no_limit() -> None:
    lax = machinetype(heartbeat_file="heartbeat")
    assert due(machine(), lax, NOW, service_up_since=LONG_UP, heartbeat_file_mtime=NOW - 3000.0) is None


@pytest.mark.parametrize("up_since", [None, NOW - 600.0])
def test_no_machine_is_blamed_for_heartbeats_that_it_could_not_leave(up_since) -> None:
    assert due(machine(), WITH_HEARTBEAT, NOW, service_up_since=up_since, heartbeat_file_mtime=NOW - 3000.0) is None
    assert due(machine(), WITH_HEARTBEAT, NOW, service_up_since=up_since) is None


def test_a_machine_that_its_hypervisor_holds_is_ended_and_one_that_a_policy_pauses_is_not() -> None:
    assert due(machine(), None, NOW, paused=True) is PAUSED
    assert due(machine(state=MachineState.PAUSED), WITH_HEARTBEAT, NOW, paused=True, service_up_since=LONG_UP) is None


def end(**about):
    told = {"shutdown_message": None, "exit_code": None, "note": "", "stop_reason": None, "now": NOW}
    return final_outcome(about.pop("of", machine()), about.pop("of_type", machinetype()), **{**told, **about})


def test_a_machines_own_word_counts_before_all_else() -> None:
    left = end(shutdown_message=b"200 Intended work completed ok\n", stop_reason=HEARTBEAT_STALE, exit_code=1)
    assert left == Outcome(200, "Intended work completed ok")


def test_a_machine_that_was_ended_leaves_the_reason() -> None:
    assert end(stop_reason=SHUTDOWN_TIME).code == 100
    assert end(stop_reason=requested("the host is needed")) == Outcome(
        100, "Shutdown as requested by the VM's host/hypervisor: the host is needed"
    )
    assert str(end(stop_reason=HEARTBEAT_MISSING)) == "700 Heartbeat file not created"
    assert str(end(stop_reason=HEARTBEAT_STALE)) == "700 Heartbeat file not updated"
    assert end(stop_reason=NEVER_STARTED).is_abort


def test_a_machine_that_was_asked_to_end_at_once_did_not_fizzle() -> None:
    young = machine(started=NOW - 3.0)
    assert end(of=young, stop_reason=requested("")) == Outcome(100, "Shutdown as requested by the VM's host/hypervisor")


def test_a_machine_that_ends_early_without_a_word_fizzled() -> None:
    young = machine(started=NOW - 42.5, ended=NOW)
    assert str(end(of=young)) == "300 Vac detects fizzle after 42 seconds"
    assert str(end(of=young, exit_code=127, note="out of memory")) == (
        "300 Vac detects fizzle after 42 seconds: out of memory, exit code 127"
    )


def test_a_machine_that_never_ran_fizzled_after_no_time() -> None:
    assert end(of=machine(state=MachineState.STARTING)).text == "Vac detects fizzle after 0 seconds"


def test_a_machine_that_lasted_and_left_no_word_has_no_code() -> None:
    assert end() == Outcome(None, "")
    assert end(exit_code=1) == Outcome(None, "exit code 1")
    assert end(exit_code=0) == Outcome(None, "")
    assert end(stop_reason=PAUSED) == Outcome(None, "Paused by its hypervisor")


def test_a_machine_of_a_type_that_is_gone_cannot_make_it_back_off() -> None:
    assert end(of=machine(started=NOW - 1.0), of_type=None) == Outcome(None, "")


@given(
    message=st.none() | st.binary(max_size=600),
    started=st.none() | st.floats(NOW - 1e6, NOW + 1e6),
    exit_code=st.none() | st.integers(-64, 255),
)
def test_whatever_a_guest_leaves_there_is_an_outcome(message, started, exit_code) -> None:
    outcome = end(of=machine(started=started), shutdown_message=message, exit_code=exit_code)
    assert outcome.code is None or 100 <= outcome.code <= 999
    assert str(outcome).isprintable()


@pytest.mark.parametrize(
    ("code", "text", "seconds"),
    [
        (300, "It waits (retry after 600 s)", 600),
        (700, "(retry after 600 s)", 600),
        (300, "It waits (retry after 999999999 s)", RETRY_MOST),
        (300, "It waits (retry after 600 s) or not", 0),
        (300, "It waits (retry after -600 s)", 0),
        (300, "It waits", 0),
        (200, "Done (retry after 600 s)", 0),
        (None, "(retry after 600 s)", 0),
    ],
)
def test_an_abort_may_ask_not_to_be_tried_again_for_a_while(code, text, seconds):
    assert Outcome(code, text).retry_after == seconds
