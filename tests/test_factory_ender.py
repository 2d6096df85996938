"""Ending machines: asked first, destroyed when their grace is over, concluded once, and cleared away for certain."""

from __future__ import annotations

import asyncio
import math
import os
from pathlib import Path

import pytest
from workshop import Workshop, tell

from vac_core.decide.ends import HEARTBEAT_STALE, NEVER_STARTED, PAUSED, SHUTDOWN_TIME, StopReason, requested
from vac_core.factory.ender import DESTROY_DEADLINE_SECONDS, KEPT
from vac_core.interfaces import Observed, PluginError
from vac_core.model import Happening, Machine, MachineState, Outcome
from vac_core.testing import Life

STUBBORN = Life(heeds_stop_after=None)
SILENT = Life(message=None)


async def pass_by(shop: Workshop, seconds: float) -> None:
    """What the factory's passes do, for so long."""
    for _ in range(int(seconds)):
        shop.ender.tend()
        await shop.look()
        await asyncio.sleep(1)


def test_a_machine_that_heeds_the_request_ends_with_its_own_word(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.ender.stop(one, SHUTDOWN_TIME)
        stopping = shop.now(one)
        assert (stopping.state, stopping.stop_deadline) == (MachineState.STOPPING, shop.clock() + 30)
        assert shop.journal.find(one.id) == stopping, "journalled before it is done"
        await pass_by(shop, 3)
        assert str(shop.now(one).outcome) == "200 Success"
        assert shop.happened(one) == ["planned", "created", "seen_running", "stop", "gone", "cleared"]

    tell(story, tmp_path)


def test_the_request_is_told_to_the_machine_as_its_new_shutdown_time(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.ender.stop(one, SHUTDOWN_TIME)
        await asyncio.sleep(0.5)
        for kind, key in (("machinefeatures", "shutdowntime"), ("jobfeatures", "shutdowntime_job")):
            told = (shop.directory(one) / kind / key).read_text("ascii")
            assert told == str(int(shop.now(one).stop_deadline or 0))

    tell(story, tmp_path, STUBBORN)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (SHUTDOWN_TIME, Outcome(100, SHUTDOWN_TIME.text)),
        (requested("it swaps"), Outcome(100, "Shutdown as requested by the VM's host/hypervisor: it swaps")),
        (HEARTBEAT_STALE, Outcome(700, "Heartbeat file not updated")),
        (StopReason("for no code"), Outcome(300, "Vac detects fizzle after 31 seconds: for no code")),
    ],
)
def test_one_that_does_not_heed_it_is_destroyed_after_its_grace_for_the_reason_given(
    tmp_path: Path, reason: StopReason, outcome: Outcome
) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        await asyncio.sleep(0.5)
        shop.ender.stop(one, reason)
        await pass_by(shop, 29)
        assert one.id in shop.host.machines
        await pass_by(shop, 4)
        assert shop.host.machines == {}
        assert shop.now(one).outcome == outcome
        assert shop.now(one).state is MachineState.CLEARED
        assert message_of(shop, one).read_text("utf-8") == str(outcome), "its files say why, too"

    tell(story, tmp_path, STUBBORN)


@pytest.mark.parametrize("reason", [NEVER_STARTED, PAUSED])
def test_one_that_could_not_hear_a_request_is_destroyed_at_once(tmp_path: Path, reason: StopReason) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.ender.stop(one, reason)
        await pass_by(shop, 3)
        assert shop.now(one).state is MachineState.CLEARED

    tell(story, tmp_path, STUBBORN)


def test_one_whose_type_the_site_has_no_more_is_stopped_without_grace(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make(machinetype="gone")
        shop.ender.stop(one, SHUTDOWN_TIME)
        await pass_by(shop, 3)
        assert shop.now(one).state is MachineState.CLEARED
        assert shop.now(one).outcome == Outcome(100, SHUTDOWN_TIME.text)

    tell(story, tmp_path, STUBBORN)


def test_only_the_first_request_counts(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.ender.stop(one, HEARTBEAT_STALE)
        deadline = shop.now(one).stop_deadline
        await asyncio.sleep(10)
        shop.ender.stop(shop.now(one), SHUTDOWN_TIME)
        assert shop.now(one).stop_deadline == deadline
        assert shop.happened(one).count("stop") == 1

    tell(story, tmp_path, STUBBORN)


def test_what_is_planned_or_has_ended_is_not_stopped(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        planned, ended = shop.plan(0), shop.plan(1)
        ended = shop.roster.happen(ended.id, Happening.CREATION_FAILED, ended=shop.clock())
        for one in (planned, ended):
            shop.ender.stop(one, SHUTDOWN_TIME)
            assert shop.now(one) == one

    tell(story, tmp_path)


def test_a_request_that_fails_or_hangs_does_not_keep_the_machine_from_its_end(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        failing, hanging = await shop.make(0), await shop.make(1)
        shop.host.failures["request_stop"] = PluginError("no agent answers")
        shop.ender.stop(failing, SHUTDOWN_TIME)
        await asyncio.sleep(1)
        assert list(shop.ender.troubles.values()) == ["no agent answers"]
        shop.host.delays["request_stop"] = math.inf
        shop.ender.stop(hanging, SHUTDOWN_TIME)
        await pass_by(shop, 40)
        for one in (failing, hanging):
            assert shop.now(one).state is MachineState.CLEARED
        told = (shop.directory(failing) / "machinefeatures" / "shutdowntime").read_text("ascii")
        assert told == str(int(shop.now(failing).stop_deadline or 0)), "told though the request failed"
        assert shop.ender.troubles == {}, "what is over is no trouble any more"

    tell(story, tmp_path, STUBBORN)


def test_what_cannot_be_destroyed_is_tried_again_and_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        await asyncio.sleep(1)
        shop.host.failures["destroy"] = PluginError("the disk is busy")
        await pass_by(shop, 5)
        assert shop.now(one).state is MachineState.ENDED
        assert list(shop.ender.troubles.values()) == ["the disk is busy"]
        assert shop.roster.free_slot() == 0, "its slot is free all the same"
        shop.host.failures.clear()
        await pass_by(shop, 3)
        assert shop.now(one).state is MachineState.CLEARED
        assert shop.ender.troubles == {}
        assert shop.happened(one)[-2:] == ["gone", "cleared"]

    tell(story, tmp_path, Life(ends_after=0.5))
    (record,) = caplog.records
    assert record.getMessage().startswith("clearing away wn01-00.example.org (")
    assert record.getMessage().endswith("): the disk is busy; it will be tried again")


def test_a_destroy_that_hangs_is_given_up_at_its_deadline_and_tried_again(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.ender.stop(one, NEVER_STARTED)
        shop.host.delays["destroy"] = DESTROY_DEADLINE_SECONDS + 50
        await pass_by(shop, 130)
        assert "has not returned since it missed its deadline" in "".join(shop.ender.troubles.values())
        shop.host.delays.clear()
        await pass_by(shop, 60)
        assert shop.now(one).state is MachineState.CLEARED
        assert shop.ender.troubles == {}

    tell(story, tmp_path, STUBBORN)


def test_clearing_away_keeps_the_outputs_and_nothing_secret(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        for name in ("metadata", "console.log"):
            (shop.directory(one) / name).write_text("x", "utf-8")
        await asyncio.sleep(1)
        await pass_by(shop, 3)
        left = {path.name for path in shop.directory(one).iterdir()}
        assert left == KEPT
        assert (shop.directory(one) / "joboutputs" / "shutdown_message").read_bytes() == b"200 Success"

    tell(story, tmp_path, Life(ends_after=0.5))


def test_an_end_is_concluded_once_however_often_it_is_seen(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        observed = Observed(machine_id=one.id, running=False, ended=True, exit_code=3, note="out of memory")
        shop.ender.conclude(one.id, observed)
        await asyncio.sleep(1)
        shop.ender.conclude(one.id, observed)
        shop.ender.conclude("no such machine", observed)
        assert shop.happened(one)[-2:] == ["gone", "cleared"]
        assert str(shop.now(one).outcome) == "300 Vac detects fizzle after 0 seconds: out of memory, exit code 3"

    tell(story, tmp_path, SILENT)


@pytest.mark.parametrize("left", ["nothing", "a directory", "a link", "a pipe", "junk"])
def test_a_shutdown_message_that_is_none_does_no_harm(tmp_path: Path, left: str) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        leave(message_of(shop, one), left)
        await asyncio.sleep(601)
        shop.ender.conclude(one.id, None)
        await asyncio.sleep(1)
        assert shop.now(one).outcome == Outcome(None, "")
        assert shop.now(one).state is MachineState.CLEARED

    tell(story, tmp_path, SILENT)


@pytest.mark.parametrize("left", ["a directory", "a link", "a pipe", "junk"])
def test_what_a_machine_left_for_a_shutdown_message_is_not_written_over(tmp_path: Path, left: str) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        leave(message_of(shop, one), left)
        before = os.lstat(message_of(shop, one))
        shop.ender.stop(one, SHUTDOWN_TIME)
        await pass_by(shop, 34)
        assert str(shop.now(one).outcome) == f"100 {SHUTDOWN_TIME.text}"
        assert shop.now(one).state is MachineState.CLEARED
        after = os.lstat(message_of(shop, one))
        assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)

    tell(story, tmp_path, STUBBORN)


def message_of(shop: Workshop, one: Machine) -> Path:
    return shop.directory(one) / "joboutputs" / "shutdown_message"


def leave(path: Path, what: str) -> None:
    if what == "a directory":
        path.mkdir()
    elif what == "a link":
        path.symlink_to("/proc/self/environ")
    elif what == "a pipe":
        os.mkfifo(path)
    elif what == "junk":
        path.write_bytes(b"\xff\x00" * 4096)


def test_a_machine_whose_hypervisor_is_not_installed_any_more_is_told_of(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = shop.plan(hypervisor="docker")
        started = shop.roster.happen(one.id, Happening.CREATED)
        shop.ender.stop(started, SHUTDOWN_TIME)
        await pass_by(shop, 100)
        (trouble,) = shop.ender.troubles.values()
        assert trouble.startswith("no plugin provides its hypervisor docker: install its plugin")
        assert shop.now(one).state is MachineState.STOPPING, "it may still run, so its slot stays its own"

    tell(story, tmp_path)


def test_closing_waits_for_what_is_under_way(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.host.delays["destroy"] = 5.0
        shop.ender.conclude(one.id, None)
        await shop.ender.close()
        assert shop.now(one).state is MachineState.CLEARED

    tell(story, tmp_path)


def test_what_an_earlier_daemon_left_half_done_is_done_by_the_next(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        stopping, ended = await shop.make(0), await shop.make(1)
        reason = {"stop": "asked for", "stop_code": "100"}
        shop.roster.happen(stopping.id, Happening.STOP, stop_deadline=shop.clock() - 1, details=reason)
        shop.roster.happen(ended.id, Happening.GONE, ended=shop.clock(), outcome=Outcome(200, "done"))
        await pass_by(shop, 4)
        assert finished(shop, stopping) == "100 asked for"
        assert finished(shop, ended) == "200 done"
        assert shop.host.machines == {}

    tell(story, tmp_path, STUBBORN)


def finished(shop: Workshop, one: Machine) -> str:
    assert shop.now(one).state is MachineState.CLEARED
    return str(shop.now(one).outcome)
