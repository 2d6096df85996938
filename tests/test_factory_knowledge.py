"""What the factory knows, as decisions and peers are given it; and what a new machine is made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.config.schema import Site
from vac_core.context.delivery import DELIVERIES
from vac_core.decide.values import Start
from vac_core.factory.binding import Binding
from vac_core.factory.draining import Draining
from vac_core.factory.journal import Journal
from vac_core.factory.knowledge import Knowledge
from vac_core.factory.new_machine import new_machine, slot_name
from vac_core.factory.roster import Roster
from vac_core.model import Happening, Machine, MachineState, Outcome
from vac_core.powers import Resources
from vac_core.testing import (
    NOW,
    FakeContextualiser,
    FakeHypervisor,
    VirtualClock,
    factory_report,
    machine,
    machinetype,
    settings,
)
from vac_core.testing.space import FakeFigures

NAME = "wn01.example.org"
START = Start(machinetype="lhcb", processors=4, shutdown_time=NOW + 3600, reason="its turn")

BINDING = Binding(FakeHypervisor(), FakeContextualiser())


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Knowledge]:
    journal, clock = Journal(tmp_path / "journal.sqlite"), VirtualClock()
    yield Knowledge(
        factory=NAME,
        host=FakeFigures(NAME, 8, load_averages=(1.0, 2.0, 3.0)),
        roster=Roster(journal, clock),
        draining=Draining(journal),
        clock=clock,
    )
    journal.close()


def site(**changes: object) -> Site:
    return Site(settings=settings(**changes), machinetypes={"lhcb": machinetype("lhcb")})


def add(known: Knowledge, slot: int, state: MachineState, **changes: object) -> Machine:
    """A machine brought to a state as its life would bring it there."""
    usual = {"state": MachineState.PLANNED, "created": NOW - 900, "processors": 2, "hs06_per_processor": 10.0}
    one = known.roster.plan(machine(slot, **{**usual, **changes}), "")
    for happening, reached in (
        (Happening.CREATED, MachineState.STARTING),
        (Happening.SEEN_RUNNING, MachineState.RUNNING),
        (Happening.PAUSE, MachineState.PAUSED),
        (Happening.STOP, MachineState.STOPPING),
        (Happening.GONE, MachineState.ENDED),
    ):
        if one.state is state:
            return one
        if reached is not MachineState.ENDED:
            one = known.roster.happen(one.id, happening)
    return known.roster.happen(one.id, Happening.GONE, ended=NOW, outcome=Outcome(300, "no work"))


def test_a_situation_holds_all_that_a_decision_needs(known: Knowledge) -> None:
    running, ended = add(known, 0, MachineState.RUNNING), add(known, 1, MachineState.ENDED)
    peers = [factory_report("wn02.example.org", lhcb=30.0)]
    now = site(shutdown_time=int(NOW) + 500)
    seen = known.situation(now, now.machinetypes, {"atlas": "broken"}, peers, Resources(capacity={"GPU": 2}), NOW)
    assert (seen.now, seen.factory, seen.factories_heard) == (NOW, NAME, 2)
    assert seen.machines == (running,)
    assert seen.totals["lhcb"].running_hs06 == 20.0 + 30.0
    assert seen.totals["lhcb"].last_abort is not None
    assert seen.totals["lhcb"].last_abort.time == ended.ended
    assert (seen.capacity.processors, seen.free_processors) == (8, 6)
    assert (seen.draining, seen.shutdown_time) == (False, NOW + 500)
    assert seen.disabled == {"atlas": "broken"}
    assert seen.resources.capacity == {"GPU": 2}


def test_a_drain_and_its_end_are_part_of_the_situation(known: Knowledge) -> None:
    known.draining.start(NOW + 60, "new disk", NOW)
    now = site(shutdown_time=int(NOW) + 500)
    seen = known.situation(now, now.machinetypes, {}, [], Resources(), NOW)
    assert (seen.draining, seen.drain_until, seen.shutdown_time) == (True, NOW + 60, NOW + 60)


def test_peers_are_told_of_what_runs_and_of_the_last_machine_of_each_slot(known: Knowledge) -> None:
    states = [
        MachineState.PLANNED,
        MachineState.STARTING,
        MachineState.RUNNING,
        MachineState.PAUSED,
        MachineState.STOPPING,
        MachineState.ENDED,
    ]
    made = [add(known, slot, state) for slot, state in enumerate(states)]
    view = known.view(site(hs06_per_processor=12.5), NOW)
    assert view.machines == tuple(made)
    assert view.status["running_machines"] == 3
    assert view.status["running_processors"] == 6
    assert view.status["running_hs06"] == 60.0
    assert (view.status["max_processors"], view.status["max_hs06"]) == (8, 100.0)
    assert view.status["load_average"] == 3.0
    assert view.status["factory_heartbeat_time"] == int(NOW)
    assert view.own.types["lhcb"].running_machines == 5


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"gocdb_sitename": "UKI-NORTH"}, "UKI-NORTH"),
        ({"vac_space": "vac01.example.org"}, "example.org"),
        ({"vac_space": "lonely"}, "lonely"),
    ],
)
def test_the_site_is_named_by_gocdb_or_by_the_spaces_domain(
    known: Knowledge, changes: dict[str, object], named: str
) -> None:
    assert known.view(site(**changes), NOW).site == named


@pytest.mark.parametrize(
    ("factory", "slot", "name"),
    [
        ("wn01.example.org", 3, "wn01-03.example.org"),
        ("wn01", 0, "wn01-00"),
        ("wn01.example.org", 128, "wn01-128.example.org"),
    ],
)
def test_slots_are_named_as_vac_3_names_them(factory: str, slot: int, name: str) -> None:
    assert slot_name(factory, slot) == name


@given(st.from_regex(r"[a-z][a-z0-9]{0,9}(\.[a-z]{1,9}){0,3}", fullmatch=True), st.sets(st.integers(0, 4096)))
def test_no_two_slots_of_a_factory_have_one_name(factory: str, slots: set[int]) -> None:
    assert len({slot_name(factory, slot) for slot in slots}) == len(slots)


def test_a_new_machine_is_what_was_decided_with_an_id_and_a_token_of_its_own() -> None:
    lhcb = machinetype("lhcb", accounting_fqan="/lhcb/Role=pilot")
    given_settings = settings(mb_per_processor=1000, hs06_per_processor=11.5)
    made = [new_machine(START, lhcb, given_settings, binding=BINDING, factory=NAME, slot=3, now=NOW) for _ in "ab"]
    first, second = made
    assert first.id != second.id
    assert first.token != second.token
    assert all(len(one.token) >= 32 for one in made)
    assert attrs.evolve(first, id="", token="") == attrs.evolve(second, id="", token="")
    assert (first.name, first.slot, first.state) == ("wn01-03.example.org", 3, MachineState.PLANNED)
    assert (first.processors, first.memory_bytes, first.hs06) == (4, 4000 * 2**20, 46.0)
    assert (first.created, first.shutdown_time, first.fqan) == (NOW, NOW + 3600, "/lhcb/Role=pilot")


def test_where_no_benchmark_is_known_a_processor_counts_for_one() -> None:
    made = new_machine(START, machinetype("lhcb"), settings(), binding=BINDING, factory=NAME, slot=0, now=NOW)
    assert made.hs06 == 4.0


def test_a_machine_that_is_to_look_like_one_of_ec2_has_such_an_id() -> None:
    binding = attrs.evolve(BINDING, delivery=DELIVERIES["ec2"])
    made = [
        new_machine(START, machinetype("lhcb"), settings(), binding=binding, factory=NAME, slot=0, now=NOW)
        for _ in "ab"
    ]
    assert [one.id[:3] for one in made] == ["ec2", "ec2"]
    assert made[0].id != made[1].id
