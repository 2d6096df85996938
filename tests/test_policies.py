"""The core's own policies."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.builtin.policies import Backoff, HostLimits, TargetShares, Vac3, vac_policies
from vac_core.decide.plan import plan
from vac_core.model import Capacity, MachineState, Outcome
from vac_core.situation import Abort, TypeTotals
from vac_core.testing.makers import NOW, machine, machinetype, settings, situation

HOUR = 3600
ALL = [HostLimits(), Backoff(), TargetShares(), Vac3()]


def vetoes(policy, judged):
    return {veto.machinetype: veto for veto in policy.judge(judged).vetoes}


def ranks(policy, judged):
    return {rank.machinetype: rank.value for rank in policy.judge(judged).ranks}


def first(policy, judged):
    found = ranks(policy, judged)
    return min(found, key=found.__getitem__)


def running(**hs06):
    return {name: TypeTotals(running_hs06=value) for name, value in hs06.items()}


def after_abort(seconds, unproven=0, text="No more work", **about):
    abort = Abort(time=NOW - seconds, factory="wn07.example.org", outcome=Outcome(300, text))
    totals = {"lhcb": TypeTotals(last_abort=abort, num_before_fizzle=unproven)}
    return situation([machinetype(backoff_seconds=100, fizzle_seconds=600)], totals=totals, **about)


def test_the_core_offers_its_policies_by_name() -> None:
    assert [policy.name for policy in vac_policies()] == ["host-limits", "backoff", "target-shares", "vac3"]


@pytest.mark.parametrize("policy", [HostLimits(), Vac3()])
class TestHostRules:
    def test_an_idle_host_is_not_vetoed(self, policy) -> None:
        assert vetoes(policy, situation()) == {}

    def test_load_above_what_all_processors_warrant_stops_starts(self, policy) -> None:
        for load, expected in ((10.0, set()), (10.1, {None})):
            judged = situation(capacity=Capacity(processors=8, load_averages=(0.0, load, 1.0)))
            assert set(vetoes(policy, judged)) == expected

    def test_load_above_what_running_processors_warrant_stops_starts_from_the_fifth_on(self, policy) -> None:
        loaded = Capacity(processors=64, load_averages=(7.0, 0.0, 0.0))
        for processors, expected in ((4, set()), (5, {None}), (6, set())):
            old = machine(processors=processors)
            assert set(vetoes(policy, situation(machines=(old,), capacity=loaded))) == expected

    def test_machines_that_were_only_just_chosen_have_no_part_in_the_load(self, policy) -> None:
        chosen = machine(processors=60, state=MachineState.PLANNED, created=NOW)
        loaded = Capacity(processors=64, load_averages=(7.0, 0.0, 0.0))
        judged = situation(machines=(machine(processors=5), chosen), capacity=loaded)
        assert "5 processors of running machines" in vetoes(policy, judged)[None].reason

    def test_a_draining_factory_starts_nothing(self, policy) -> None:
        veto = vetoes(policy, situation(draining=True, drain_until=NOW + 60.0))[None]
        assert (veto.reason, veto.until) == ("this factory is draining", None)

    def test_nothing_starts_after_the_factorys_shutdown_time(self, policy) -> None:
        assert set(vetoes(policy, situation(shutdown_time=NOW))) == {None}

    def test_a_machinetype_waits_for_a_factory_that_has_time_enough(self, policy) -> None:
        types = [machinetype("day"), machinetype("hour", min_wallclock_seconds=HOUR)]
        assert set(vetoes(policy, situation(types, shutdown_time=NOW + 5 * HOUR))) == {"day"}
        assert set(vetoes(policy, situation(types, shutdown_time=NOW + HOUR))) == {"day", "hour"}


def test_a_full_disk_stops_starts() -> None:
    nearly_full = Capacity(processors=8, disk_free_bytes=255 * 2**20)
    veto = vetoes(HostLimits(), situation(capacity=nearly_full))[None]
    assert veto.reason == "255 MiB of disk are free where machines are kept: min_disk_free_mb is 256"
    assert vetoes(HostLimits(), situation(capacity=Capacity(processors=8, disk_free_bytes=256 * 2**20))) == {}


def test_a_machinetype_waits_for_memory_and_a_smaller_one_goes_ahead() -> None:
    types = [machinetype("wide", min_processors=4, max_processors=4), machinetype("narrow")]
    judged = situation(
        types,
        machines=(machine(processors=2, memory_bytes=4 * 2**30),),
        capacity=Capacity(processors=8, memory_bytes=8 * 2**30),
        settings=settings(mb_per_processor=2048, processors_per_superslot=8, memory_overcommit=1.0),
    )
    found = vetoes(HostLimits(), judged)
    assert set(found) == {"wide"}
    assert "needs 8192 MiB of memory and 4096 are left" in found["wide"].reason


def test_a_machine_of_several_sizes_has_the_one_for_which_there_is_memory() -> None:
    judged = situation(
        [machinetype("wide", min_processors=2, max_processors=8)],
        machines=(machine(processors=1, memory_bytes=2 * 2**30),),
        capacity=Capacity(processors=8, memory_bytes=12 * 2**30),
        settings=settings(mb_per_processor=2048, processors_per_superslot=8, memory_overcommit=1.0),
    )
    made = plan(judged, (HostLimits(), TargetShares()), random.Random(0))
    assert [start.processors for start in made.starts] == [5]


@pytest.mark.parametrize("policy", [Backoff(), Vac3()])
class TestResting:
    def test_an_abort_rests_the_machinetype_for_its_backoff_seconds(self, policy) -> None:
        veto = vetoes(policy, after_abort(99.0))["lhcb"]
        assert veto.until == NOW + 1.0
        assert "'300 No more work' on wn07.example.org" in veto.reason
        assert vetoes(policy, after_abort(100.0)) == {}

    def test_after_that_one_machine_at_a_time_finds_out_whether_there_is_work(self, policy) -> None:
        assert vetoes(policy, after_abort(101.0, unproven=1))["lhcb"].until == NOW + 599.0
        assert vetoes(policy, after_abort(700.0, unproven=1)) == {}

    def test_machines_yet_to_prove_work_hold_nothing_back_where_none_found_too_little(self, policy) -> None:
        assert vetoes(policy, situation(totals={"lhcb": TypeTotals(num_before_fizzle=9)})) == {}

    def test_a_clock_that_was_set_back_does_not_stretch_the_rest(self, policy) -> None:
        assert vetoes(policy, after_abort(-9999.0))["lhcb"].until == NOW + 100.0


def test_a_machine_may_ask_for_a_longer_rest_which_vac3_did_not_heed() -> None:
    asked = after_abort(40.0, text="Later (retry after 250 s)")
    assert vetoes(Backoff(), asked)["lhcb"].until == NOW + 210.0
    assert vetoes(Vac3(), asked)["lhcb"].until == NOW + 60.0
    shorter = after_abort(40.0, text="Later (retry after 50 s)")
    assert vetoes(Backoff(), shorter)["lhcb"].until == NOW + 60.0


def test_the_machinetype_furthest_below_its_share_goes_first() -> None:
    types = [machinetype("a", target_share=5.0), machinetype("b", target_share=3.0), machinetype("c", target_share=2.0)]
    assert ranks(TargetShares(), situation(types, totals=running(a=50.0, b=20.0, c=30.0))) == {"b": 0, "a": 1, "c": 2}


def test_machinetypes_that_stand_even_share_a_place() -> None:
    types = [machinetype("a", target_share=4.0), machinetype("b", target_share=2.0)]
    assert ranks(TargetShares(), situation(types, totals=running(a=8.0, b=4.0))) == {"a": 0.0, "b": 0.0}


def test_a_group_of_two_quarters_stands_even_with_one_half_and_vac3_gave_it_less() -> None:
    types = [
        machinetype("a1", target_share=0.25, machinegroup="a"),
        machinetype("a2", target_share=0.25, machinegroup="a"),
        machinetype("b", target_share=0.5),
    ]
    even = situation(types, totals=running(a1=10.0, a2=10.0, b=20.0))
    assert set(ranks(TargetShares(), even).values()) == {0.0}
    assert first(Vac3(), even) == "b"
    far_ahead = situation(types, totals=running(a1=10.0, a2=10.0, b=39.0))
    assert first(Vac3(), far_ahead) == "b"
    assert first(TargetShares(), far_ahead) in {"a1", "a2"}


def test_within_a_group_the_machinetype_furthest_below_its_own_share_goes_first() -> None:
    types = [machinetype(name, target_share=1.0, accounting_fqan="/vo") for name in ("a", "b")]
    assert first(TargetShares(), situation(types, totals=running(a=10.0, b=5.0))) == "b"


def test_what_a_group_runs_of_a_machinetype_whose_share_is_gone_still_counts() -> None:
    types = [
        machinetype("new", machinegroup="a"),
        machinetype("old", machinegroup="a", target_share=0.0),
        machinetype("b"),
    ]
    assert first(TargetShares(), situation(types, totals=running(new=1.0, old=20.0, b=5.0))) == "b"


@pytest.mark.parametrize("policy", [TargetShares(), Vac3()])
def test_a_machinetype_without_a_share_is_not_started(policy) -> None:
    judged = situation([machinetype("a"), machinetype("b", target_share=0.0)])
    assert vetoes(policy, judged)["b"].reason == "its target_share is 0"
    assert set(ranks(policy, judged)) == {"a"}


def test_vac3_starts_one_machine_a_minute() -> None:
    assert Vac3().judge(situation()).most_starts == 1
    recent = situation(machines=(machine(created=NOW - 59.0), machine(created=NOW - 500.0)))
    assert vetoes(Vac3(), recent)[None].until == NOW + 1.0
    assert vetoes(Vac3(), situation(machines=(machine(created=NOW - 60.0),))) == {}


def test_vac3_looks_at_neither_disk_nor_memory() -> None:
    assert vetoes(Vac3(), situation(capacity=Capacity(processors=8, memory_bytes=1, disk_free_bytes=0))) == {}


SHARES = st.floats(0.0, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(SHARES, st.floats(0.0, allow_nan=False), st.sampled_from("xyz")), min_size=1, max_size=8))
def test_ranks_are_finite_and_never_negative_and_each_machinetype_is_ranked_or_vetoed(rows) -> None:
    types = [machinetype(f"t{n}", target_share=share, machinegroup=group) for n, (share, _, group) in enumerate(rows)]
    judged = situation(types, totals=running(**{f"t{n}": hs06 for n, (_, hs06, _) in enumerate(rows)}))
    for policy in (TargetShares(), Vac3()):
        found = ranks(policy, judged)
        assert all(0.0 <= value < math.inf for value in found.values())
        assert set(found) | (set(vetoes(policy, judged)) - {None}) == set(judged.machinetypes)
        assert not set(found) & set(vetoes(policy, judged))


@given(
    ago=st.floats(-1e9, 1e9),
    backoff=st.integers(0, 10**6),
    fizzle=st.integers(0, 10**6),
    unproven=st.integers(0, 3),
)
def test_no_rest_is_longer_than_the_site_said(ago, backoff, fizzle, unproven) -> None:
    abort = Abort(time=NOW - ago, factory="f", outcome=Outcome(400, "Banned"))
    judged = situation(
        [machinetype(backoff_seconds=backoff, fizzle_seconds=fizzle)],
        totals={"lhcb": TypeTotals(last_abort=abort, num_before_fizzle=unproven)},
    )
    for veto in Backoff().judge(judged).vetoes:
        assert NOW < veto.until <= NOW + backoff + (fizzle if unproven else 0)


@pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.name)
def test_a_policy_says_the_same_of_the_same_situation(policy) -> None:
    judged = after_abort(5.0, draining=True)
    assert policy.judge(judged) == policy.judge(judged)
    assert all(veto.reason for veto in policy.judge(judged).vetoes)
