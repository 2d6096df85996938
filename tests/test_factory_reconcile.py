"""Journal against hypervisor: every pair has its row, and nothing is both known and a stray."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.factory.reconcile import HAPPENINGS, Seen, reconcile, seen
from vac_core.interfaces import Observed
from vac_core.model import TRANSITIONS, Happening, Machine, MachineState
from vac_core.testing import machine

UNFINISHED = [state for state in MachineState if state is not MachineState.CLEARED]
REACHED = {
    Seen.COMING: {MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED, MachineState.STOPPING},
    Seen.RUNNING: {MachineState.RUNNING, MachineState.STOPPING},
    Seen.PAUSED: {MachineState.PAUSED, MachineState.STOPPING},
    Seen.ABSENT: {MachineState.ENDED},
    Seen.ENDED: {MachineState.ENDED},
}
"""Where a machine that had not ended may stand once the journal is up to what was seen."""

IDS = st.sampled_from([f"id-{number}" for number in range(6)])
OBSERVED = st.builds(
    Observed,
    machine_id=IDS,
    running=st.booleans(),
    ended=st.booleans(),
    paused=st.booleans(),
    cpu_seconds=st.none() | st.floats(0, 1e9),
)


@st.composite
def journalled(draw: st.DrawFn) -> list[Machine]:
    ids = draw(st.lists(IDS, unique=True))
    return [
        machine(slot, id=one, state=draw(st.sampled_from(UNFINISHED)), hypervisor="fake")
        for slot, one in enumerate(ids)
    ]


def test_there_is_a_row_for_each_state_and_observation_and_no_other() -> None:
    assert HAPPENINGS.keys() == set(itertools.product(UNFINISHED, Seen))


@pytest.mark.parametrize(("state", "observation"), list(itertools.product(UNFINISHED, Seen)))
def test_each_row_follows_the_life_cycle_to_the_truth(state: MachineState, observation: Seen) -> None:
    reached = state
    for happening in HAPPENINGS[state, observation]:
        reached = TRANSITIONS[reached, happening]
    if state is MachineState.ENDED:
        assert reached is MachineState.ENDED
    else:
        assert reached in REACHED[observation]


@pytest.mark.parametrize("state", UNFINISHED)
@pytest.mark.parametrize("observation", Seen)
def test_each_row_leads_to_where_nothing_more_is_to_be_done(state: MachineState, observation: Seen) -> None:
    reached = state
    for happening in HAPPENINGS[state, observation]:
        reached = TRANSITIONS[reached, happening]
    assert HAPPENINGS[reached, observation] == ()


def test_a_machine_that_is_being_stopped_is_never_said_to_run_or_pause_anew() -> None:
    for observation in Seen:
        assert set(HAPPENINGS[MachineState.STOPPING, observation]) <= {Happening.GONE}


@pytest.mark.parametrize(
    ("observed", "word"),
    [
        (None, Seen.ABSENT),
        (Observed(machine_id="x", running=False), Seen.COMING),
        (Observed(machine_id="x", running=True), Seen.RUNNING),
        (Observed(machine_id="x", running=True, paused=True), Seen.PAUSED),
        (Observed(machine_id="x", running=True, paused=True, ended=True), Seen.ENDED),
        (Observed(machine_id="x", running=False, ended=True), Seen.ENDED),
    ],
)
def test_an_end_counts_before_a_pause_and_a_pause_before_running(observed: Observed | None, word: Seen) -> None:
    assert seen(observed) is word


@given(journalled(), st.lists(OBSERVED, max_size=8), st.frozensets(IDS))
def test_each_machine_is_known_or_a_stray_or_in_creation_and_never_two_of_them(
    machines: list[Machine], observations: list[Observed], in_creation: frozenset[str]
) -> None:
    result = reconcile(machines, observations, in_creation)
    found = {finding.machine.id for finding in result.findings}
    strays = set(result.strays)
    known = {one.id for one in machines}
    shown = {one.machine_id for one in observations}
    assert not found & strays
    assert not (found | strays) & in_creation
    assert found == known - in_creation
    assert strays == shown - known - in_creation
    assert len(result.findings) == len(found)
    assert list(result.strays) == sorted(strays)


@given(journalled(), st.lists(OBSERVED, max_size=8, unique_by=lambda one: one.machine_id))
def test_each_finding_tells_what_was_seen_of_that_very_machine(
    machines: list[Machine], observations: list[Observed]
) -> None:
    shown = {one.machine_id: one for one in observations}
    for finding in reconcile(machines, observations).findings:
        assert finding.observed is shown.get(finding.machine.id)
        assert finding.happenings == HAPPENINGS[finding.machine.state, seen(finding.observed)]


def test_of_what_is_being_made_nothing_is_said_whether_or_not_it_is_there() -> None:
    one = machine(state=MachineState.PLANNED)
    for observations in ([], [Observed(machine_id=one.id, running=True)]):
        result = reconcile([one], observations, frozenset({one.id}))
        assert (result.findings, result.strays) == ((), ())
