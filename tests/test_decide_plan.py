"""Whole decisions: what is started, what is not, and why."""

import json
import math
import random
from collections import Counter

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.builtin.policies import Backoff, HostLimits, TargetShares, Vac3
from vac_core.decide.plan import plan
from vac_core.decide.values import StandingState
from vac_core.interfaces import Policy
from vac_core.model import Capacity, MachineState, Outcome
from vac_core.situation import Abort, Ask, Rank, TypeTotals, Verdicts, Veto, Wish
from vac_core.testing.makers import NOW, machine, machinetype, settings, situation

HOUR = 3600
USUAL = (HostLimits(), Backoff(), TargetShares())
VOS = (machinetype("a", target_share=5.0), machinetype("b", target_share=3.0), machinetype("c", target_share=2.0))


class Says(Policy):
    """A policy that gives one answer whatever it is asked, or raises it."""

    def __init__(self, answer, name="says"):
        self.name = name
        self.answer = answer

    def judge(self, situation):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def host(processors, *types, **about):
    return situation(types, capacity=Capacity(processors=processors), **about)


def decide(judged, *policies, seed=1):
    return plan(judged, policies or USUAL, random.Random(seed))


def rank(name, value):
    return Rank(machinetype=name, value=value, reason="so it is")


def started(made):
    return Counter(start.machinetype for start in made.starts)


def abort(ago, code=300):
    return Abort(time=NOW - ago, factory="wn07.example.org", outcome=Outcome(code, "No more work"))


def test_an_empty_factory_fills_at_once_and_meets_the_shares() -> None:
    made = decide(host(60, *VOS))
    assert started(made) == {"a": 30, "b": 18, "c": 12}


def test_what_the_whole_space_runs_decides() -> None:
    totals = {"a": TypeTotals(running_hs06=50.0), "b": TypeTotals(running_hs06=50.0)}
    assert started(decide(host(10, *VOS, totals=totals))) == {"c": 10}


def test_power_and_not_the_number_of_machines_is_weighed() -> None:
    wide = machinetype("wide", min_processors=4, max_processors=4)
    judged = host(
        32, wide, machinetype("narrow"), settings=settings(processors_per_superslot=4, hs06_per_processor=9.5)
    )
    assert started(decide(judged)) == {"wide": 4, "narrow": 16}


def test_a_full_factory_says_what_is_next() -> None:
    busy = tuple(machine(n, machinetype="a") for n in range(4))
    made = decide(host(4, *VOS, machines=busy, totals={"a": TypeTotals(running_hs06=4.0)}))
    assert made.starts == ()
    assert [(one.place, one.state) for one in made.standings] == [(1, "next"), (2, "waits"), (3, "waits")]
    assert made.standing("a").place == 3
    reason = made.standing("a").reasons[0]
    assert (reason.policy, reason.text) == ("plan", "no processor is free: all 4 are in use")
    assert reason.until == busy[0].shutdown_time
    assert made.standing("a").ranks[0].policy == "target-shares"


def test_a_vetoed_machinetype_tells_why_and_until_when() -> None:
    made = decide(host(2, *VOS, totals={"a": TypeTotals(last_abort=abort(3.0))}))
    standing = made.standing("a")
    assert (standing.state, standing.place) == (StandingState.VETOED, None)
    assert [(reason.policy, reason.until) for reason in standing.reasons] == [("backoff", NOW + 7.0)]
    assert set(started(made)) == {"b", "c"}


def test_after_an_abort_one_machine_finds_out_whether_there_is_work() -> None:
    made = decide(host(8, machinetype(), totals={"lhcb": TypeTotals(last_abort=abort(60.0))}))
    assert len(made.starts) == 1
    assert "have yet to prove work" in made.standing("lhcb").reasons[0].text


def test_a_disabled_machinetype_is_shown_with_its_reason() -> None:
    made = decide(host(4, *VOS, disabled={"a": "user_data: 404", "gone": "max_processors is no number"}))
    assert made.standing("a").state is StandingState.DISABLED
    assert made.standing("gone").reasons[0].text == "max_processors is no number"
    assert "a" not in started(made)
    assert made.standing("nobody") is None


def test_a_draining_factory_starts_nothing_and_keeps_the_order() -> None:
    made = decide(host(8, *VOS, draining=True))
    assert made.starts == ()
    assert [veto.policy for veto in made.host_vetoes] == ["host-limits"]
    assert [one.state for one in made.standings] == [StandingState.WAITS] * 3
    assert made.standings[0].reasons[0].text == "this factory is draining"


def test_no_more_machines_start_at_one_time_than_the_site_allows() -> None:
    starting = machine(state=MachineState.STARTING)
    made = decide(host(16, *VOS, machines=(starting,), settings=settings(max_starting=4)))
    assert len(made.starts) == 3
    assert made.host_vetoes[0].reason == "4 machines are starting: max_starting allows 4"
    assert made.standings[0].state is StandingState.NEXT


def test_vac3_starts_one_machine_a_pass() -> None:
    made = decide(host(8, *VOS), Vac3())
    assert len(made.starts) == 1
    assert [veto.reason for veto in made.host_vetoes] == ["at most 1 may be started in one pass"]


def test_the_site_may_choose_vac3_superslots() -> None:
    types = (machinetype("big", min_processors=8, max_processors=8), machinetype("small"))
    old = machine(processors=1, machinetype="small")
    judged = host(8, *types, machines=(old,), totals={"small": TypeTotals(running_hs06=9.0)})
    ours = attrs.evolve(judged, settings=settings(processors_per_superslot=8))
    vac3 = attrs.evolve(judged, settings=settings(processors_per_superslot=8, superslot_rule="vac3"))
    assert started(decide(ours)) == {}
    assert decide(ours).standing("big").reasons[0].until == old.shutdown_time
    assert started(decide(vac3)) == {"small": 7}


def test_a_machinetype_that_can_never_fit_is_vetoed_by_the_plan_and_holds_nothing_back() -> None:
    made = decide(host(4, machinetype("big", min_processors=8, max_processors=8), machinetype("small")))
    assert made.standing("big").state is StandingState.VETOED
    assert made.standing("big").reasons[0].policy == "plan"
    assert started(made) == {"small": 4}


def test_the_first_policys_rank_weighs_most() -> None:
    one = Says(Verdicts(ranks=(rank("a", 1.0), rank("b", 0.0))), "one")
    two = Says(Verdicts(ranks=(rank("a", 0.0), rank("b", 9.0))), "two")
    types = VOS[:2]
    assert set(started(decide(host(4, *types), one, two))) == {"b"}
    assert set(started(decide(host(4, *types), two, one))) == {"a"}


def test_wishes_for_running_machines_are_passed_on_once_with_the_policys_name() -> None:
    old = machine()
    wish = Ask(machine_id=old.id, wish=Wish.PAUSE, reason="somebody is at the keyboard")
    strange = Ask(machine_id="gone", wish=Wish.STOP, reason="it is not there")
    made = decide(situation(machines=(old,)), Says(Verdicts(asks=(wish, strange))))
    assert made.asks == (attrs.evolve(wish, policy="says"),)
    assert len(made.starts) == 7


def test_no_machine_is_planned_to_outlive_the_end_that_a_policy_sets() -> None:
    closing = Says(Verdicts(end=NOW + HOUR))
    long, short = machinetype("long", max_wallclock_seconds=2 * HOUR), machinetype("short", max_wallclock_seconds=600)
    flexible = machinetype("flexible", max_wallclock_seconds=2 * HOUR, min_wallclock_seconds=600)
    made = decide(host(9, long, short, flexible), *USUAL, closing)
    assert made.end == NOW + HOUR
    assert {start.machinetype: start.shutdown_time for start in made.starts} == {
        "short": NOW + 600, "flexible": NOW + HOUR
    }  # fmt: skip
    assert "7200 seconds" in str(made.standing("long"))
    assert decide(host(9, long, shutdown_time=NOW + 30), *USUAL, closing).starts == ()


NONSENSE = [
    RuntimeError("no way"),
    None,
    "start everything",
    Verdicts(ranks=(rank("a", math.nan),)),
    Verdicts(ranks=(rank("a", math.inf),)),
    Verdicts(ranks=(rank("a", -1.0),)),
    Verdicts(ranks=(rank("a", "first"),)),
    Verdicts(ranks=(None,)),
    Verdicts(vetoes=(Veto(reason="", until=math.nan),)),
    Verdicts(vetoes=("all",)),
    Verdicts(asks=(None,)),
    Verdicts(most_starts=-1),
    Verdicts(most_processors={"lhcb": 0}),
    Verdicts(most_processors={"lhcb": 1.5}),
    Verdicts(most_starts="none"),
    Verdicts(end=math.nan),
    Verdicts(end="tonight"),
    Verdicts(asks=(Ask(machine_id="m", wish=Wish.CAP, reason="odd", part=1.5),)),
]


@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_a_policy_that_raises_or_talks_nonsense_is_left_out_and_named(answer) -> None:
    made = decide(host(10, *VOS), *USUAL, Says(answer, "broken"))
    assert started(made) == {"a": 5, "b": 3, "c": 2}
    assert set(made.failures) == {"broken"}
    assert ": " in made.failures["broken"]


def test_a_policy_may_leave_a_machine_fewer_processors_than_are_free() -> None:
    wide = machinetype("wide", min_processors=2, max_processors=8)
    settled = attrs.evolve(host(8, wide), settings=settings(processors_per_superslot=8))
    made = decide(settled, *USUAL, Says(Verdicts(most_processors={"wide": 6, "unknown": 1}), "lends"))
    assert [start.processors for start in made.starts] == [6, 2]
    made = decide(settled, *USUAL, Says(Verdicts(most_processors={"wide": 1}), "lends"))
    standing = made.standing("wide")
    assert standing is not None
    assert [reason.text for reason in standing.reasons] == ["needs 2 processors and its next machine may have 1"]


def test_a_policy_that_breaks_half_way_spoils_no_start_before_it() -> None:
    class Tires(Policy):
        name = "tires"

        def judge(self, situation):
            if len(situation.machines) == 3:
                raise ValueError("too much")
            return Verdicts()

    made = decide(host(10, *VOS), *USUAL, Tires())
    assert len(made.starts) == 10
    assert made.failures == {"tires": "ValueError: too much"}


def test_why_is_told_as_json() -> None:
    made = decide(host(1, *VOS, totals={"a": TypeTotals(last_abort=abort(3.0))}, disabled={"c": "broken"}))
    told = json.loads(json.dumps(made.as_json()))
    assert set(told) == {"now", "host", "machinetypes", "end", "starts", "failures"}
    assert [one["machinetype"] for one in told["machinetypes"]] == ["b", "a", "c"]
    assert told["machinetypes"][0]["state"] == "next"
    assert set(told["machinetypes"][1]["reasons"][0]) == {"policy", "reason", "until"}
    assert set(told["machinetypes"][0]["ranks"][0]) == {"policy", "value", "reason"}
    assert told["starts"][0]["machinetype"] == "b"
    assert told["starts"][0]["reason"].startswith("machinegroup b runs 0 HS06 for a share of 3; ")


TYPE = st.fixed_dictionaries(
    {
        "target_share": st.sampled_from([0.0, 0.5, 1.0, 7.0]),
        "machinegroup": st.sampled_from([None, "g"]),
        "min_processors": st.integers(1, 4),
        "max_processors": st.integers(1, 9),
        "max_wallclock_seconds": st.integers(60, 48 * HOUR),
        "min_wallclock_seconds": st.none() | st.integers(30, HOUR),
        "backoff_seconds": st.integers(0, 60),
        "fizzle_seconds": st.integers(0, 600),
    }
)
TOTALS = st.builds(
    TypeTotals,
    running_hs06=st.floats(0.0, 1e6),
    num_before_fizzle=st.integers(0, 2),
    last_abort=st.none() | st.integers(-100, 1000).map(abort),
)
STATES = st.sampled_from([MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED, MachineState.STOPPING])


@st.composite
def situations(draw):
    types = [machinetype(f"t{n}", **about) for n, about in enumerate(draw(st.lists(TYPE, min_size=1, max_size=4)))]
    names = [one.name for one in types]
    machines = tuple(
        machine(n, machinetype=draw(st.sampled_from(names)), processors=draw(st.integers(1, 4)), state=draw(STATES))
        for n in range(draw(st.integers(0, 4)))
    )
    return host(
        draw(st.integers(1, 24)),
        *types,
        machines=machines,
        totals={name: draw(TOTALS) for name in names if draw(st.booleans())},
        disabled={name: "broken" for name in names if draw(st.integers(0, 5)) == 0},
        draining=draw(st.integers(0, 9)) == 0,
        shutdown_time=draw(st.none() | st.floats(NOW - 10.0, NOW + 48 * HOUR)),
        settings=settings(
            processors_per_superslot=draw(st.integers(1, 8)),
            max_starting=draw(st.none() | st.integers(1, 8)),
            superslot_rule=draw(st.sampled_from(["reserve", "vac3"])),
        ),
    )


POLICIES = st.sampled_from([USUAL, (Vac3(),), (TargetShares(), HostLimits(), Backoff()), ()])


@given(situations(), POLICIES, st.integers(0, 3))
def test_what_must_never_happen(judged, policies, seed) -> None:
    made = plan(judged, policies, random.Random(seed))
    used = judged.busy_processors + sum(start.processors for start in made.starts)
    assert used <= max(judged.capacity.processors, judged.busy_processors)
    limit = judged.settings.max_starting or judged.capacity.processors
    assert not made.starts or judged.starting + len(made.starts) <= limit
    vetoes = [veto for policy in policies for veto in policy.judge(judged).vetoes]
    forbidden = {veto.machinetype for veto in vetoes} | set(judged.disabled)
    assert not made.starts or None not in forbidden
    assert not set(started(made)) & forbidden
    for standing in made.standings:
        assert all(0.0 <= rank.value < math.inf for rank in standing.ranks)
        assert standing.reasons
    assert {one.machinetype for one in made.standings} == set(judged.machinetypes) | set(judged.disabled)
    assert made.failures == {}


class Overhears(Policy):
    """Has nothing to say, and notes what the others veto each time that they are asked."""

    name = "overhears"

    def __init__(self, others):
        self.others = others
        self.vetoed = []

    def judge(self, situation):
        self.vetoed.append({veto.machinetype for other in self.others for veto in other.judge(situation).vetoes})
        return Verdicts()


@given(situations(), POLICIES)
def test_no_start_goes_against_a_veto_that_an_earlier_start_of_the_pass_brought_about(judged, policies) -> None:
    overhears = Overhears(policies)
    made = plan(judged, (*policies, overhears), random.Random(1))
    for start, vetoed in zip(made.starts, overhears.vetoed, strict=False):
        assert start.machinetype not in vetoed
        assert None not in vetoed
    assert len(overhears.vetoed) == len(made.starts) + 1


@given(situations(), POLICIES, st.integers(0, 3))
def test_the_same_input_and_seed_give_the_same_plan(judged, policies, seed) -> None:
    made = plan(judged, policies, random.Random(seed))
    assert plan(judged, policies, random.Random(seed)) == made
    backwards = attrs.evolve(judged, machinetypes=dict(reversed(judged.machinetypes.items())))
    assert plan(backwards, policies, random.Random(seed)) == made
