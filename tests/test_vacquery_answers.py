"""The answer to a query is made from the snapshot alone, whole and bounded."""

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.interfaces import SpaceView
from vac_core.model import Machine, MachineState, Outcome, TypeReport
from vac_core.testing import NOW, machine, space_view
from vac_core.vacquery.answers import Answers, answer
from vac_core.vacquery.messages import (
    MAX_OCTETS,
    FactoryStatus,
    MachineStatus,
    MachinetypeStatus,
    MessageError,
    NoStatus,
    Query,
    QueryKind,
    Refusal,
    decode,
)
from vac_core.vacquery.signing import SIGNATURE_OCTETS
from vac_core.vacquery.snapshot import STATES, slot_name
from vac_core.vacquery.wire import MOST_MESSAGES

SPACE = "vac01.example.org"


def asking(kind: QueryKind, **changes: str) -> Query:
    return Query(**{"kind": kind, "cookie": "c" * 64, "space": SPACE, **changes})


def with_machines(*machines: Machine, slots: int = 0) -> SpaceView:
    return attrs.evolve(space_view(), machines=machines, status={"max_machines": slots})


def told(view: SpaceView, kind: QueryKind) -> list:
    return [decode(raw) for raw in answer(asking(kind), view, NOW, space=SPACE)]


def test_a_query_of_another_space_gets_no_answer() -> None:
    with pytest.raises(MessageError) as caught:
        answer(asking(QueryKind.FACTORY, space="vac02.example.org"), space_view(), NOW, space=SPACE)
    assert caught.value.refusal is Refusal.OTHER_SPACE


def test_a_query_that_was_meant_for_another_factory_gets_no_answer() -> None:
    with pytest.raises(MessageError) as caught:
        answer(asking(QueryKind.FACTORY, to="wn07.example.org"), space_view(), NOW, space=SPACE)
    assert caught.value.refusal is Refusal.OTHER_FACTORY


def test_a_factory_tells_its_figures_under_new_and_old_names() -> None:
    view = attrs.evolve(space_view(), status={"running_processors": 3, "max_hs06": 42.0, "load_average": 1.5})
    (raw,) = answer(asking(QueryKind.FACTORY), view, NOW + 0.7, space=SPACE)
    document = json.loads(raw)
    assert document["running_cpus"] == document["running_processors"] == 3
    assert document["total_hs06"] == document["max_hs06"] == 42.0
    assert document["time_sent"] == document["responder_heartbeat_time"] == int(NOW)
    assert document["mjf_heartbeat_time"] == 0, "nobody has said that machines are served"


def test_every_machinetype_is_told_of_with_its_limits() -> None:
    report = TypeReport(
        machinetype="lhcb",
        running_hs06=21.0,
        running_processors=2,
        max_processors=8,
        min_processors=2,
        max_wallclock_seconds=86400,
        min_wallclock_seconds=3600,
        bytes_per_processor=2**31,
    )
    lhcb, atlas = told(space_view(lhcb=report, atlas=0.0), QueryKind.MACHINETYPES)
    assert isinstance(lhcb, MachinetypeStatus)
    assert (lhcb.min_processors, lhcb.min_wallclock_seconds) == (2, 3600)
    assert (lhcb.num_machinetypes, atlas.num_machinetypes) == (2, 2)
    assert atlas.min_processors is None


def test_only_who_knows_the_word_is_told_that_there_is_nothing_to_tell() -> None:
    assert told(space_view(), QueryKind.MACHINETYPES) == []
    (raw,) = answer(asking(QueryKind.MACHINETYPES, no_status="yes"), space_view(), NOW, space=SPACE)
    assert isinstance(decode(raw), NoStatus)


@pytest.mark.parametrize("state", MachineState)
def test_each_state_has_a_word_that_vac_3_knows(state: MachineState) -> None:
    (status,) = told(with_machines(machine(0, state=state)), QueryKind.MACHINES)
    assert status.state == STATES[state]
    assert status.state in {"Unknown", "Shut down", "Starting", "Running", "Paused", "Zombie"}


def test_slots_that_were_never_used_are_told_of_too() -> None:
    first, second, third = told(with_machines(machine(1), slots=3), QueryKind.MACHINES)
    assert (first.machine, first.state, first.uuid) == ("wn01-00.example.org", "Shut down", None)
    assert (second.machine, second.state) == ("wn01-01.example.org", "Running")
    assert third.num_machines == 3


def test_a_slot_is_named_after_its_factory() -> None:
    assert slot_name("wn01.example.org", 7) == "wn01-07.example.org"
    assert slot_name("alpha", 12) == "alpha-12"


def test_use_of_processors_is_that_of_late_or_the_mean_over_the_machines_life() -> None:
    ended = machine(state=MachineState.ENDED, started=NOW - 200, ended=NOW - 100, cpu_seconds=150.0)
    waiting = machine(1, state=MachineState.STARTING)
    running = machine(2, state=MachineState.RUNNING, started=NOW - 200, cpu_seconds=150.0, cpu_percentage=3.14)
    told_of = told(with_machines(ended, waiting, running), QueryKind.MACHINES)
    assert [one.cpu_percentage for one in told_of] == [150.0, 0.0, 3.1]


def test_a_shutdown_message_without_a_code_is_not_told() -> None:
    ended = machine(state=MachineState.ENDED, ended=NOW, outcome=Outcome(None, "it just went"))
    report = TypeReport(machinetype="lhcb", outcome=Outcome(None, "it just went"), shutdown_time=NOW)
    (slot,) = told(with_machines(ended), QueryKind.MACHINES)
    (kind,) = told(space_view(lhcb=report), QueryKind.MACHINETYPES)
    assert (slot.shutdown_message, slot.shutdown_time) == (None, None)
    assert (kind.shutdown_message, kind.shutdown_time) == (None, None)


def test_an_answer_is_remembered_for_one_snapshot_and_one_second() -> None:
    answers = Answers(SPACE)
    before, after = space_view(lhcb=1.0), space_view(lhcb=2.0)
    query = asking(QueryKind.MACHINETYPES)

    def power_and_time(view: SpaceView, now: float) -> tuple[float, int]:
        (raw,) = answers.to(query, view, now)
        document = json.loads(raw)
        return document["running_hs06"], document["time_sent"]

    assert power_and_time(before, NOW) == (1.0, int(NOW))
    assert power_and_time(before, NOW + 0.9) == (1.0, int(NOW))
    assert power_and_time(before, NOW + 1) == (1.0, int(NOW) + 1)
    assert power_and_time(after, NOW + 1) == (2.0, int(NOW) + 1)


def test_remembered_answers_carry_each_askers_own_cookie() -> None:
    answers, view = Answers(SPACE), space_view(lhcb=1.0)
    cookies = [decode(answers.to(asking(QueryKind.MACHINETYPES, cookie=one), view, NOW)[0]).cookie for one in "abc"]
    assert cookies == ["a", "b", "c"]


def test_an_answer_is_bounded_in_messages() -> None:
    types = {f"type-{number}": 0.0 for number in range(MOST_MESSAGES + 50)}
    statuses = told(space_view(**types), QueryKind.MACHINETYPES)
    assert len(statuses) == MOST_MESSAGES == statuses[0].num_machinetypes
    slots = told(with_machines(slots=10**9), QueryKind.MACHINES)
    assert len(slots) == MOST_MESSAGES == slots[0].num_machines


@given(st.text(max_size=600), st.sampled_from([MAX_OCTETS, MAX_OCTETS - SIGNATURE_OCTETS]))
def test_no_shutdown_message_makes_an_answer_too_long(text: str, room: int) -> None:
    outcome = Outcome(300, text)
    report = TypeReport(machinetype="lhcb", outcome=outcome, shutdown_time=NOW, shutdown_machine="wn01-00.example.org")
    view = attrs.evolve(space_view(lhcb=report), machines=(machine(state=MachineState.ENDED, outcome=outcome),))
    for kind in QueryKind:
        for raw in answer(asking(kind), view, NOW, space=SPACE, room=room):
            assert len(raw) <= room
            status = decode(raw)
            assert isinstance(status, FactoryStatus | MachineStatus | MachinetypeStatus)
            assert getattr(status, "shutdown_message", "300").startswith("300")
