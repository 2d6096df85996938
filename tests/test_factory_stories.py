"""Whole factories on virtual time: what a site sees of them, told as stories."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from crashing import TiredJournal

from vac_core.factory import status
from vac_core.interfaces import CreateRequest, PluginError, Policy
from vac_core.model import MachineState, Outcome
from vac_core.situation import Ask, Situation, Verdicts, Wish
from vac_core.testing import NOW, Life, machinetype, run_virtual
from vac_core.testing.fixtures import MakeSpace

NO_WORK = Life(ends_after=5.0, message=b"300 No work")
ONE = {"wn01.example.org": 8}


def test_an_empty_factory_fills_at_once_and_meets_the_shares(space: MakeSpace) -> None:
    async def story() -> None:
        types = [machinetype("lhcb", target_share=5.0), machinetype("atlas", target_share=3.0)]
        async with space(types, ONE) as vac:
            await vac.pass_time(1)
            assert (vac.running("lhcb"), vac.running("atlas")) == (5, 3)
            assert {machine.slot for machine in vac.only.alive} == set(range(8))

    run_virtual(story())


def test_a_freed_slot_gets_its_next_machine_at_once(space: MakeSpace) -> None:
    async def story() -> None:
        life, slow = Life(ends_after=1000.0), {"pass_seconds": 600, "poll_seconds": 600}
        async with space([machinetype("lhcb")], ONE, lives=lambda _: life, **slow) as vac:
            await vac.pass_time(1001)
            assert len(vac.only.alive) == 8
            assert all(machine.created > vac.clock() - 5 for machine in vac.only.alive)

    run_virtual(story())


def test_a_machine_that_finds_no_work_makes_its_type_back_off(space: MakeSpace) -> None:
    async def story() -> None:
        idle = machinetype("idle", backoff_seconds=300, fizzle_seconds=60)
        async with space([idle], {"wn01.example.org": 1}, lives=lambda _: NO_WORK) as vac:
            await vac.pass_time(200)
            assert vac.running("idle") == 0
            ends = [event for event in vac.only.observer.events if event.what == "gone"]
            assert len(ends) == 1
            await vac.pass_time(200)
            ends = [event for event in vac.only.observer.events if event.what == "gone"]
            assert len(ends) == 2

    run_virtual(story())


def test_a_restarted_daemon_adopts_its_machines(space: MakeSpace) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], ONE) as vac:
            await vac.pass_time(10)
            before = {machine.id for machine in vac.only.alive}
            await vac.only.restart()
            await vac.pass_time(10)
            assert {machine.id for machine in vac.only.alive} == before
            assert all(machine.state is MachineState.RUNNING for machine in vac.only.alive)

    run_virtual(story())


THREE = {f"wn0{number}.example.org": 6 for number in (1, 2, 3)}


class Broken(Policy):
    """A third party's policy with a fault."""

    name = "broken"

    def judge(self, situation: Situation) -> Verdicts:
        raise RuntimeError("no such office")


class Curfew(Policy):
    """Wishes that machines pause between two times."""

    name = "curfew"

    def __init__(self, begins: float, ends: float) -> None:
        self._begins, self._ends = begins, ends

    def judge(self, situation: Situation) -> Verdicts:
        resting = self._begins <= situation.now < self._ends
        wish = Wish.PAUSE if resting else Wish.RESUME
        asks = (
            Ask(machine_id=one.id, wish=wish, reason="the office is closed")
            for one in situation.machines
            if one.started
        )
        return Verdicts(asks=tuple(asks))


def test_a_space_shares_three_factories_among_three_vos(space: MakeSpace) -> None:
    async def story() -> None:
        types = [
            machinetype("a", target_share=5.0),
            machinetype("b", target_share=3.0),
            machinetype("c", target_share=1.0),
        ]
        dice = random.Random(1)
        async with space(
            types, THREE, lives=lambda _: Life(ends_after=dice.uniform(200, 2000)), poll_seconds=60
        ) as vac:
            await vac.pass_time(3600)
            assert [vac.running(name) for name in "abc"] == [10, 6, 2]

    run_virtual(story())


def test_factories_go_on_alone_when_they_lose_each_other(space: MakeSpace) -> None:
    async def story() -> None:
        lives = Life(ends_after=900.0)
        async with space([machinetype("lhcb")], THREE, lives=lambda _: lives, poll_seconds=30) as vac:
            await vac.pass_time(60)
            for one in THREE:
                for other in THREE:
                    if one != other:
                        vac.peers.cut(one, other)
            await vac.pass_time(3600)
            assert vac.running("lhcb") == 18
            assert all(len(factory.daemon.peers.silent()) == 2 for factory in vac.factories.values())

    run_virtual(story())


def test_news_of_an_abort_reaches_peers_before_their_next_poll(space: MakeSpace) -> None:
    async def story() -> None:
        types = [machinetype("idle", backoff_seconds=3000, fizzle_seconds=60)]
        two = {"wn01.example.org": 1, "wn02.example.org": 1}

        def life(request: CreateRequest) -> Life:
            return Life(ends_after=100.0 if request.machine.name.startswith("wn01") else 110.0, message=b"300 No work")

        async with space(types, two, lives=life, poll_seconds=3600, pass_seconds=3600) as vac:
            await vac.pass_time(108)
            other = vac.factories["wn02.example.org"].daemon
            (report,) = other.peers.reports(vac.clock())
            assert report.types["idle"].outcome == Outcome(300, "No work")

    run_virtual(story())


def test_a_policy_that_raises_is_left_out_and_named(space: MakeSpace) -> None:
    async def story() -> None:
        policies = ("host-limits", "broken", "backoff", "target-shares")
        async with space([machinetype("lhcb")], ONE, policies_used={"broken": Broken()}, policies=policies) as vac:
            await vac.pass_time(5)
            assert vac.running("lhcb") == 8
            assert "no such office" in status.why(vac.only.daemon)["failures"]["broken"]

    run_virtual(story())


def test_without_a_policy_that_the_site_wants_nothing_is_started(space: MakeSpace) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], ONE, policies=("backoff", "tides")) as vac:
            await vac.pass_time(60)
            assert vac.running("lhcb") == 0
            assert "no plugin provides 'tides'" in vac.only.trades.disabled["lhcb"]

    run_virtual(story())


def test_wished_pauses_are_carried_out_and_do_not_count_as_lost_heartbeats(space: MakeSpace) -> None:
    async def story() -> None:
        alive = machinetype("alive", heartbeat_file="beat", heartbeat_seconds=500, fizzle_seconds=60)
        curfew = Curfew(NOW + 1000, NOW + 1300)
        async with space(
            [alive],
            {"wn01.example.org": 2},
            lives=lambda _: Life(outputs={"beat": b"1"}),
            policies_used={"curfew": curfew},
            policies=("target-shares", "curfew"),
            pass_seconds=30,
        ) as vac:
            await vac.pass_time(1100)
            assert {machine.state for machine in vac.only.alive} == {MachineState.PAUSED}
            await vac.pass_time(300)
            assert {machine.state for machine in vac.only.alive} == {MachineState.RUNNING}
            told = vac.only.daemon.given.journal.events_after(0, 10000)
            assert [(one.what, one.reason) for one in told if one.what in {"pause", "resume"}] == [
                *[("pause", "curfew: the office is closed")] * 2,
                *[("resume", "curfew: the office is closed")] * 2,
            ]

    run_virtual(story())


def test_a_machine_that_its_hypervisor_pauses_by_itself_is_ended(space: MakeSpace) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], {"wn01.example.org": 1}) as vac:
            await vac.pass_time(10)
            (stuck,) = vac.only.host.machines.values()
            vac.only.host.pause(stuck, True)
            await vac.pass_time(60)
            assert stuck.machine_id not in vac.only.host.machines
            assert [machine.state for machine in vac.only.alive] == [MachineState.RUNNING]

    run_virtual(story())


@pytest.mark.parametrize("method", ["list_machines", "create", "destroy"])
def test_a_hypervisor_that_hangs_holds_up_nothing_else(space: MakeSpace, method: str) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], ONE, lives=lambda _: Life(ends_after=100.0), pass_seconds=60) as vac:
            await vac.pass_time(50)
            vac.only.host.delays[method] = math.inf
            await vac.pass_time(2000)
            passed = vac.only.daemon.decider.plan
            assert passed is not None
            assert vac.clock() - passed.now <= 100
            told = [event.reason for event in vac.only.observer.events]
            told += status.troubles(vac.only.daemon).values()
            assert any("took longer than" in one or "missed its deadline" in one for one in told)

    run_virtual(story())


def test_a_type_that_cannot_be_made_is_tried_again_less_and_less_often(space: MakeSpace) -> None:
    async def story() -> None:
        refused = Life(refused=PluginError("the image server is down"))
        async with space([machinetype("lhcb")], {"wn01.example.org": 1}, lives=lambda _: refused) as vac:
            await vac.pass_time(3600)
            tries = [event.time - NOW for event in vac.only.observer.events if event.what == "creation_failed"]
            waits = [round(later - earlier) for earlier, later in pairwise(tries)]
            assert waits[:7] == [10, 20, 40, 80, 160, 320, 600]
            assert set(waits[6:]) == {600}
            assert "the image server is down" in vac.only.trades.disabled["lhcb"]

    run_virtual(story())


def test_a_machinetype_at_fault_waits_for_its_options_to_change(space: MakeSpace) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb", user_data=None), machinetype("atlas")], {"wn01.example.org": 2}) as vac:
            await vac.pass_time(3600)
            assert (vac.running("lhcb"), vac.running("atlas")) == (0, 2)
            failures = [event for event in vac.only.observer.events if event.what == "creation_failed"]
            assert len(failures) == 1
            mended = {"lhcb": machinetype("lhcb")}
            vac.only.change_site(machinetypes=mended)
            vac.only.daemon.draining.stop(vac.clock())
            await vac.pass_time(10)
            assert vac.only.trades.disabled == {}

    run_virtual(story())


def test_draining_until_a_time_tells_machines_and_then_ends_them(space: MakeSpace) -> None:
    async def story() -> None:
        lhcb = machinetype("lhcb", grace_seconds=30)
        async with space([lhcb], {"wn01.example.org": 1}, pass_seconds=30) as vac:
            await vac.pass_time(100)
            (machine,) = vac.only.alive
            end = vac.clock() + 1000
            vac.only.daemon.draining.start(end, "new disks", vac.clock())
            vac.only.daemon.wake()
            await vac.pass_time(1)
            told = vac.only.state.machine(machine.id) / "jobfeatures" / "shutdowntime_job"
            assert told.read_text("ascii") == str(int(end))
            await vac.pass_time(998)
            assert len(vac.only.alive) == 1
            await vac.pass_time(60)
            assert vac.only.alive == ()
            ends = [event.machine for event in vac.only.observer.events if event.what == "gone"]
            assert [str(ended.outcome) for ended in ends if ended] == ["200 Success"]

    run_virtual(story())


def test_a_lost_heartbeat_ends_a_machine_with_its_code(space: MakeSpace) -> None:
    async def story() -> None:
        mute = machinetype("mute", heartbeat_file="beat", heartbeat_seconds=600, fizzle_seconds=300, grace_seconds=0)
        async with space([mute], {"wn01.example.org": 1}, pass_seconds=30) as vac:
            await vac.pass_time(400)
            ends = [event.machine for event in vac.only.observer.events if event.what == "gone"]
            assert [str(ended.outcome) for ended in ends if ended] == ["700 Heartbeat file not created"]

    run_virtual(story())


@pytest.mark.parametrize("jump", [-7200.0, 7200.0, 10 * 86400.0])
def test_a_jump_of_the_clock_ends_no_machine(space: MakeSpace, jump: float) -> None:
    async def story() -> None:
        lhcb = machinetype("lhcb", max_wallclock_seconds=4000)
        async with space([lhcb], ONE, pass_seconds=30) as vac:
            await vac.pass_time(1000)
            before = {machine.id for machine in vac.only.alive}
            vac.clock.jump(jump)
            await vac.pass_time(1000)
            assert {machine.id for machine in vac.only.alive} == before
            assert [event.reason for event in vac.only.observer.events if event.what == "clock_jumped"] == [
                f"{jump:+.0f} s"
            ]
            await vac.pass_time(2100)
            assert {machine.id for machine in vac.only.alive}.isdisjoint(before)

    run_virtual(story())


def test_a_machinetype_that_leaves_the_site_leaves_its_machines_in_peace(space: MakeSpace) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], ONE) as vac:
            await vac.pass_time(10)
            vac.only.change_site(machinetypes={})
            await vac.pass_time(100)
            assert vac.running("lhcb") == 8

    run_virtual(story())


def test_a_journal_that_cannot_be_written_stops_starts_and_loses_nothing(space: MakeSpace) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], ONE, lives=lambda _: Life(ends_after=1000.0), pass_seconds=30) as vac:
            await vac.only.stop()
            await vac.only.start(TiredJournal)
            await vac.pass_time(10)
            journal = vac.only.daemon.given.journal
            assert isinstance(journal, TiredJournal)
            journal.freeze(True)
            await vac.pass_time(1100)
            assert len(vac.only.alive) == 8
            assert "check the disk" in vac.only.daemon.troubles["pass"]
            journal.freeze(False)
            await vac.pass_time(100)
            ended = [event for event in vac.only.observer.events if event.what == "gone"]
            assert len(ended) == 8
            assert len(vac.only.alive) == 8

    run_virtual(story())


def test_machines_whose_hypervisor_was_taken_away_are_named_and_keep_their_slots(space: MakeSpace) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], {"wn01.example.org": 1}) as vac:
            await vac.pass_time(10)
            (machine,) = vac.only.alive
            del vac.only.daemon.given.crew.hypervisors["fake"]
            await vac.pass_time(100)
            assert [one.id for one in vac.only.alive] == [machine.id]
            told = " ".join(status.troubles(vac.only.daemon).values())
            assert "no plugin provides its hypervisor fake" in told

    run_virtual(story())
