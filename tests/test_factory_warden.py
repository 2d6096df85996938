"""Machines that must end are ended, those that must not are left alone, and wishes are carried out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from workshop import LHCB, Workshop, tell

from vac_core.config.schema import MachineType
from vac_core.decide.ends import requested
from vac_core.factory.journal import Journal
from vac_core.factory.warden import Warden
from vac_core.interfaces import PluginError
from vac_core.model import Machine, MachineState
from vac_core.situation import Ask, Wish
from vac_core.testing import FakeHost, FakeHypervisor, Life, machinetype, settings

BEATING = machinetype("lhcb", heartbeat_file="beat", heartbeat_seconds=300, fizzle_seconds=600)
STUBBORN = Life(heeds_stop_after=None)


class Unpausable(FakeHypervisor):
    """Without the power to pause."""

    pause = None  # type: ignore[assignment]
    resume = None  # type: ignore[assignment]


def enforce(shop: Workshop, of: MachineType = LHCB, host_end: float | None = None) -> None:
    shop.warden.enforce({"lhcb": of}, host_end)


def beat(shop: Workshop, one: Machine, ago: float = 0.0) -> None:
    """Leave a heartbeat, as of so many seconds ago."""
    path, when = shop.directory(one) / "joboutputs" / "beat", shop.clock() - ago
    path.touch()
    os.utime(path, (when, when))


def announced(shop: Workshop, one: Machine) -> int:
    return int((shop.directory(one) / "machinefeatures" / "shutdowntime").read_text("ascii"))


def stop_reason(shop: Workshop, one: Machine) -> str | None:
    return shop.now(one).details.get("stop")


async def carry_out(shop: Workshop, *asks: Ask) -> None:
    for work in shop.warden.carry_out(asks):
        await work


def test_a_machine_is_ended_when_its_time_is_over_and_not_before(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make(shutdown_time=shop.clock() + 1000)
        await asyncio.sleep(1000)
        enforce(shop)
        assert shop.now(one).state is MachineState.RUNNING
        await asyncio.sleep(0.5)
        enforce(shop)
        assert shop.now(one).state is MachineState.STOPPING
        assert "shutdown time has passed" in (stop_reason(shop, one) or "")

    tell(story, tmp_path)


def test_a_machine_that_never_starts_is_ended(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        assert one.state is MachineState.STARTING
        await asyncio.sleep(300)
        enforce(shop)
        assert shop.now(one).state is MachineState.STARTING
        await asyncio.sleep(1)
        enforce(shop)
        assert stop_reason(shop, one) == "Machine did not start"

    tell(story, tmp_path, Life(runs_after=10000.0))


def test_a_heartbeat_that_stops_ends_its_machine_alone(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        well, stale, missing = [await shop.make(slot) for slot in range(3)]
        await asyncio.sleep(599)
        beat(shop, stale)
        enforce(shop, BEATING)
        assert len(shop.roster.alive) == 3, "none has had its fizzle_seconds yet"
        await asyncio.sleep(302)
        beat(shop, well)
        enforce(shop, BEATING)
        assert stop_reason(shop, well) is None
        assert stop_reason(shop, stale) == "Heartbeat file not updated"
        assert stop_reason(shop, missing) == "Heartbeat file not created"

    tell(story, tmp_path)


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_heartbeats_from_before_the_clock_was_set_end_no_machine(tmp_path: Path, jump: float) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        await asyncio.sleep(1000)
        beat(shop, one)
        shop.clock.jump(jump)
        shop.roster.shift(jump)
        shop.warden.clock_was_set()
        for _ in range(4):
            enforce(shop, BEATING)
            assert shop.now(one).state is MachineState.RUNNING
            await asyncio.sleep(150)
        beat(shop, one)
        await asyncio.sleep(100)
        enforce(shop, BEATING)
        assert shop.now(one).state is MachineState.RUNNING
        await asyncio.sleep(201)
        enforce(shop, BEATING)
        assert stop_reason(shop, one) == "Heartbeat file not updated"

    tell(story, tmp_path)


def test_after_a_restart_machines_have_time_to_write_their_heartbeats_anew(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        await asyncio.sleep(5000)
        again = Warden(shop.state, shop.roster, shop.ender, {}, shop.calls, shop.clock)
        again.enforce({"lhcb": BEATING}, None)
        assert shop.now(one).state is MachineState.RUNNING
        await asyncio.sleep(601)
        again.enforce({"lhcb": BEATING}, None)
        assert stop_reason(shop, one) == "Heartbeat file not created"

    tell(story, tmp_path)


def test_a_heartbeat_file_that_is_a_link_is_none(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        (shop.directory(one) / "joboutputs" / "beat").symlink_to("/proc/uptime")
        await asyncio.sleep(601)
        enforce(shop, BEATING)
        assert stop_reason(shop, one) == "Heartbeat file not created"

    tell(story, tmp_path)


def test_the_factorys_end_is_announced_and_enforced_with_no_less_notice_than_the_grace(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make(shutdown_time=shop.clock() + 1000)
        enforce(shop)
        assert announced(shop, one) == one.shutdown_time
        soon = shop.clock() + 500
        enforce(shop, host_end=soon)
        assert announced(shop, one) == soon
        enforce(shop, host_end=shop.clock() + 5)
        assert announced(shop, one) == shop.clock() + LHCB.grace_seconds
        enforce(shop, host_end=None)
        assert announced(shop, one) == one.shutdown_time
        enforce(shop, host_end=shop.clock() + 2000)
        assert announced(shop, one) == one.shutdown_time
        await asyncio.sleep(10)
        enforce(shop, host_end=shop.clock() - 1)
        assert shop.now(one).state is MachineState.STOPPING

    tell(story, tmp_path, STUBBORN)


def test_after_a_restart_an_end_that_is_no_more_is_taken_back(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        enforce(shop, host_end=shop.clock() + 500)
        again = Warden(shop.state, shop.roster, shop.ender, {}, shop.calls, shop.clock)
        again.enforce({"lhcb": LHCB}, None)
        assert announced(shop, one) == one.shutdown_time

    tell(story, tmp_path)


def test_outputs_over_their_limits_end_their_machine_alone(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        modest, many, hidden = [await shop.make(slot) for slot in range(3)]
        planned = shop.plan(3)
        for number in range(11):
            (shop.directory(many) / "joboutputs" / str(number)).touch()
        deep = shop.directory(hidden) / "joboutputs"
        for _ in range(40):
            deep /= "d"
        deep.mkdir(parents=True)
        (shop.directory(modest) / "joboutputs" / "log").write_text("well", "utf-8")
        await shop.warden.check_outputs(settings(joboutputs_max_files=10))
        assert stop_reason(shop, modest) is None
        assert (stop_reason(shop, many) or "").startswith("Job outputs over their limits: ")
        assert shop.now(many).details["stop_code"] == "700"
        assert shop.now(hidden).state is MachineState.STOPPING
        assert shop.now(planned).state is MachineState.PLANNED

    tell(story, tmp_path, STUBBORN)


def test_what_it_writes_into_its_shared_directory_counts_too(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        (shop.directory(one) / "shared").mkdir()
        for number in range(11):
            (shop.directory(one) / "shared" / str(number)).touch()
        await shop.warden.check_outputs(settings(joboutputs_max_files=10))
        assert "shared holds more than 10 files" in (stop_reason(shop, one) or "")

    tell(story, tmp_path, STUBBORN)


def test_how_far_a_machine_says_it_is_is_kept(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one, silent = await shop.make(0), await shop.make(1)
        (shop.directory(one) / "joboutputs" / "fraction_done").write_text("0.25\n")
        await shop.warden.check_outputs(settings())
        assert (shop.now(one).progress, shop.now(silent).progress) == (0.25, None)
        (shop.directory(one) / "joboutputs" / "fraction_done").write_text("more than before")
        await shop.warden.check_outputs(settings())
        assert shop.now(one).progress is None

    tell(story, tmp_path)


def test_a_machine_that_ends_while_its_outputs_are_counted_is_left_to_that(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        counting = asyncio.create_task(shop.warden.check_outputs(settings()))
        await asyncio.sleep(0)
        shop.ender.conclude(one.id, None)
        await counting
        await asyncio.sleep(1)
        assert shop.happened(one)[-2:] == ["gone", "cleared"]

    tell(story, tmp_path)


def test_a_stop_that_a_policy_wishes_names_it(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        unknown = Ask(machine_id="no such machine", wish=Wish.STOP, reason="", policy="p")
        await carry_out(
            shop, unknown, Ask(machine_id=one.id, wish=Wish.STOP, reason="the owner is back", policy="idle-host")
        )
        assert (stop_reason(shop, one) or "").endswith(": idle-host: the owner is back")
        assert shop.now(one).details["stop_code"] == "100"

    tell(story, tmp_path)


def test_a_wished_pause_is_kept_and_ended_by_a_wished_resume(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        looked: list[str] = []
        shop.ender.look_again = looked.append
        one = await shop.make()
        await carry_out(shop, Ask(machine_id=one.id, wish=Wish.PAUSE, reason="busy", policy="p"))
        assert looked == ["fake"]
        await shop.look()
        paused = shop.now(one)
        assert paused.state is MachineState.PAUSED
        assert shop.journal.find(one.id) == paused, "after a crash it is known that the pause was wished for"
        await asyncio.sleep(5000)
        enforce(shop, BEATING)
        assert shop.now(one).state is MachineState.PAUSED
        await carry_out(shop, Ask(machine_id=one.id, wish=Wish.RESUME, reason="idle", policy="p"))
        await shop.look()
        assert shop.now(one).state is MachineState.RUNNING
        await asyncio.sleep(600)
        enforce(shop, BEATING)
        assert shop.now(one).state is MachineState.RUNNING, "it could not beat while it was held"
        await asyncio.sleep(1)
        enforce(shop, BEATING)
        assert stop_reason(shop, one) == "Heartbeat file not created"

    tell(story, tmp_path)


def test_a_pause_that_nobody_wished_for_ends_the_machine(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.host.pause(shop.host.machines[one.id], True)
        await shop.look()
        enforce(shop)
        assert stop_reason(shop, one) == "Paused by its hypervisor"
        assert shop.now(one).stop_deadline == shop.clock()

    tell(story, tmp_path)


@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.RESUME])
def test_a_wish_for_a_machine_in_another_state_is_none(tmp_path: Path, wish: Wish) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        stopping = await shop.make(1)
        shop.ender.stop(stopping, requested("for the test"))
        asks = [Ask(machine_id=stopping.id, wish=wish, reason="", policy="p")]
        if wish is Wish.RESUME:
            asks.append(Ask(machine_id=one.id, wish=wish, reason="", policy="p"))
        assert list(shop.warden.carry_out(asks)) == []
        assert shop.now(one) == one

    tell(story, tmp_path, STUBBORN)


@pytest.mark.parametrize(
    ("hypervisor", "said"),
    [(Unpausable, "fake cannot pause wn01-00.example.org: busy"), (FakeHypervisor, "wished by p: no freezer")],
)
def test_a_pause_that_cannot_be_had_is_said_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, hypervisor: Callable[[FakeHost], FakeHypervisor], said: str
) -> None:
    async def story(shop: Workshop) -> None:
        shop.host.failures["pause"] = PluginError("no freezer")
        one = await shop.make()
        await carry_out(shop, Ask(machine_id=one.id, wish=Wish.PAUSE, reason="busy", policy="p"))
        await shop.look()
        assert shop.now(one).state is MachineState.RUNNING
        (record,) = caplog.records
        assert said in record.getMessage()

    tell(story, tmp_path, hypervisor=hypervisor)


def test_wishes_are_known_to_the_next_daemon(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        await carry_out(shop, Ask(machine_id=one.id, wish=Wish.PAUSE, reason="busy", policy="p"))
        other = Journal(shop.state.journal)
        (kept,) = other.unfinished()
        other.close()
        assert (kept.details["wished"], kept.details["wished_why"]) == ("pause", "p: busy")

    tell(story, tmp_path)


class Uncappable(FakeHypervisor):
    """Without the power to hold down."""

    cap = None  # type: ignore[assignment]


def cap(one: Machine, part: float | None) -> Ask:
    return Ask(machine_id=one.id, wish=Wish.CAP, part=part, reason="the host is lent out", policy="lender")


def test_a_machine_is_held_down_and_let_go_as_a_policy_wishes(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        for part in (0.25, 0.5, None):
            await carry_out(shop, cap(one, part))
            assert shop.host.machines[one.id].part == part

    tell(story, tmp_path)


def test_a_wish_that_is_fulfilled_already_is_not_carried_out_again(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        assert list(shop.warden.carry_out([cap(one, None)])) == []
        await carry_out(shop, cap(one, 0.25))
        assert list(shop.warden.carry_out([cap(one, 0.25)])) == []
        assert shop.journal.find(one.id) == shop.now(one)

    tell(story, tmp_path)


def test_a_cap_that_failed_is_tried_again(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.host.failures["cap"] = PluginError("busy")
        await carry_out(shop, cap(one, 0.25))
        del shop.host.failures["cap"]
        await carry_out(shop, cap(one, 0.25))
        assert shop.host.machines[one.id].part == 0.25

    tell(story, tmp_path)


def test_a_hypervisor_that_cannot_hold_down_is_asked_no_more_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        await carry_out(shop, cap(one, 0.25))
        await carry_out(shop, cap(one, 0.25))
        assert caplog.text.count("cannot cap") == 1

    tell(story, tmp_path, hypervisor=Uncappable)
