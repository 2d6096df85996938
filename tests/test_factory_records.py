"""Machines as JSON: nothing is lost on the way to the journal and back, and no secret is shown to people."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.factory.records import machine_as_json, machine_from_text, machine_to_text
from vac_core.model import Machine, MachineState, Outcome
from vac_core.testing import NOW, machine

TIMES = st.floats(0, 2**40)
TEXTS = st.text(max_size=30)
MACHINES = st.builds(
    Machine,
    id=TEXTS,
    name=TEXTS,
    slot=st.integers(0, 4096),
    machinetype=TEXTS,
    machine_model=TEXTS,
    hypervisor=TEXTS,
    processors=st.integers(1, 512),
    hs06_per_processor=st.floats(0.001, 1000),
    memory_bytes=st.integers(0, 2**45),
    state=st.sampled_from(MachineState),
    created=TIMES,
    shutdown_time=TIMES,
    started=st.none() | TIMES,
    heartbeat=st.none() | TIMES,
    stop_deadline=st.none() | TIMES,
    ended=st.none() | TIMES,
    cpu_seconds=st.floats(0, 2**40),
    outcome=st.none() | st.builds(Outcome, st.none() | st.integers(100, 999), TEXTS),
    fqan=TEXTS,
    token=TEXTS,
    details=st.dictionaries(TEXTS, TEXTS, max_size=4),
)


@given(MACHINES)
def test_a_machine_survives_the_journal_unchanged(one: Machine) -> None:
    again = machine_from_text(machine_to_text(one))
    assert again == one
    assert type(again.state) is MachineState


@given(MACHINES)
def test_what_is_shown_is_json_with_every_field_but_the_token(one: Machine) -> None:
    shown = json.loads(json.dumps(machine_as_json(one)))
    assert shown.keys() == {*json.loads(machine_to_text(one)), "hs06"} - {"token"}
    assert shown["state"] == one.state.value
    assert shown["hs06"] == one.processors * one.hs06_per_processor


def test_the_token_is_shown_nowhere() -> None:
    one = machine(token="the-secret", outcome=Outcome(200, "done"))
    assert "the-secret" not in json.dumps(machine_as_json(one))
    assert "the-secret" not in repr(one)
    assert machine_as_json(one)["outcome"] == "200 done"


def test_fields_of_a_later_vac_are_left_out() -> None:
    fields = {**json.loads(machine_to_text(one := machine())), "colour": "green"}
    assert machine_from_text(json.dumps(fields)) == one


def test_fields_that_an_earlier_vac_did_not_write_take_their_defaults() -> None:
    fields = json.loads(machine_to_text(machine(cpu_seconds=9.0)))
    del fields["cpu_seconds"]
    assert machine_from_text(json.dumps(fields)).cpu_seconds == 0.0


def test_odd_figures_of_a_hypervisor_are_kept_as_they_are() -> None:
    one = machine_from_text(machine_to_text(machine(cpu_seconds=math.inf, heartbeat=NOW)))
    assert one.cpu_seconds == math.inf


def test_what_is_no_json_value_is_refused_when_it_is_written() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        machine_to_text(machine(details={"image": object()}))
