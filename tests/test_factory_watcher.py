"""Looking at a host: the journal is brought up to what is there, and nonsense is no more than a trouble."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from workshop import Odd, Workshop, tell

from vac_core.factory.watcher import LIST_DEADLINE_SECONDS
from vac_core.interfaces import CreateRequest, Observed, PluginError
from vac_core.model import Machine, MachineState
from vac_core.testing import Life, create_request, home, machine


def failing_half_way() -> Iterator[Observed]:
    yield Observed(machine_id="x", running=True)
    raise RuntimeError("half-way")


def request_for(shop: Workshop, machine_id: str) -> CreateRequest:
    return create_request(home(shop.state.path / "elsewhere"), machine(9, id=machine_id))


def test_a_machine_that_runs_is_seen_and_its_figures_are_kept_fresh(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        assert (one.state, one.started, one.heartbeat) == (MachineState.RUNNING, shop.clock(), shop.clock())
        began = shop.clock()
        await asyncio.sleep(100)
        await shop.look()
        now = shop.now(one)
        assert (now.started, now.heartbeat, now.cpu_seconds) == (began, shop.clock(), 100.0)
        assert shop.journal.find(one.id) == one, "figures are no events: the periodic pass writes them down"
        assert shop.happened(one) == ["planned", "created", "seen_running"]

    tell(story, tmp_path)


def test_its_use_of_processors_of_late_is_told_from_look_to_look(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        used, told = 0.0, []
        shop.hypervisor.listed = lambda: [Observed(machine_id=one.id, running=True, cpu_seconds=used)]
        for seconds, more in ((5, 5.0), (5, 15.0), (20, 5.0), (1, 1.0), (-3600, 0.0), (10, 4.0)):
            used += more
            if seconds > 0:
                await asyncio.sleep(seconds)
            else:
                shop.clock.jump(seconds)
            await shop.look()
            told.append(shop.now(one).cpu_percentage)
        assert told == [None, 200.0, 25.0, 25.0, 25.0, 40.0]

    tell(story, tmp_path, hypervisor=Odd)


def test_a_machine_that_ends_is_concluded_with_its_last_figures_and_cleared_away(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        ended: list[Machine] = []
        shop.ender.ended = ended.append
        one = await shop.make()
        await asyncio.sleep(700)
        await shop.look()
        await asyncio.sleep(1)
        now = shop.now(one)
        assert (now.state, str(now.outcome)) == (MachineState.CLEARED, "200 Success")
        assert now.cpu_seconds == 650.0
        assert [machine.id for machine in ended] == [one.id]
        assert shop.host.machines == {}

    tell(story, tmp_path, Life(ends_after=650.0))


def test_a_machine_that_is_gone_without_a_trace_keeps_what_was_known_of_it(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        await asyncio.sleep(1000)
        await shop.look()
        shop.host.machines.clear()
        await asyncio.sleep(1)
        await shop.look()
        await asyncio.sleep(1)
        now = shop.now(one)
        assert (now.state, now.cpu_seconds) == (MachineState.CLEARED, 1000.0)
        assert now.outcome is not None
        assert now.outcome.code is None

    tell(story, tmp_path)


@pytest.mark.parametrize(
    ("listed", "trouble"),
    [
        (lambda: None, "raised TypeError: 'NoneType' object is not iterable"),
        (lambda: ["id"], "hypervisor fake listed str, not Observed"),
        (failing_half_way, "raised RuntimeError: half-way"),
    ],
    ids=["none", "strings", "half-way"],
)
def test_a_list_that_is_none_ends_no_machine(tmp_path: Path, listed: Callable[[], Any], trouble: str) -> None:
    async def story(shop: Workshop) -> None:
        assert isinstance(shop.hypervisor, Odd)
        one = await shop.make()
        shop.hypervisor.listed = listed
        await shop.look()
        assert trouble in shop.watcher.troubles["fake"]
        assert shop.now(one).state is MachineState.RUNNING
        shop.hypervisor.listed = None
        await shop.look()
        assert shop.watcher.troubles == {}

    tell(story, tmp_path, hypervisor=Odd)


def test_a_host_that_cannot_be_asked_is_a_trouble_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.host.failures["list_machines"] = PluginError("the socket is gone")
        for _ in range(3):
            await shop.look()
        assert shop.watcher.troubles == {"fake": "the socket is gone"}
        assert shop.now(one).state is MachineState.RUNNING

    tell(story, tmp_path)
    assert [record.getMessage() for record in caplog.records] == ["the socket is gone"]


def test_a_host_that_hangs_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = await shop.make()
        shop.host.delays["list_machines"] = math.inf
        began = shop.clock()
        await shop.look()
        assert shop.clock() - began == LIST_DEADLINE_SECONDS
        assert "took longer than 30 s" in shop.watcher.troubles["fake"]
        await shop.look()
        assert "has not returned" in shop.watcher.troubles["fake"]
        assert shop.now(one).state is MachineState.RUNNING

    tell(story, tmp_path)


def test_a_machine_of_ours_that_nobody_intended_is_destroyed(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one, other = await shop.make(0), shop.plan(1)
        shop.hypervisor.create(request_for(shop, "a-stray"))
        shop.maker.in_creation.add(other.id)
        await shop.look()
        await asyncio.sleep(1)
        assert shop.host.machines.keys() == {one.id}
        assert shop.now(other).state is MachineState.PLANNED

    tell(story, tmp_path)


def test_what_is_made_while_the_list_is_taken_is_neither_gone_nor_a_stray(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        shop.host.delays["list_machines"] = 5.0
        looking = asyncio.create_task(shop.look())
        await asyncio.sleep(1)
        one = shop.plan()
        shop.maker.in_creation.add(one.id)
        await shop.maker.make(shop.order(one))
        assert shop.maker.in_creation == set()
        await looking
        assert shop.now(one).state in {MachineState.STARTING, MachineState.RUNNING}
        assert shop.host.machines.keys() == {one.id}

    tell(story, tmp_path)


def test_what_is_being_made_when_the_look_begins_is_left_alone_though_it_is_made_by_its_end(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        assert isinstance(shop.hypervisor, Odd)
        shop.hypervisor.listed = lambda: shop.clock.sleep(10) or []
        shop.host.delays["create"] = 5.0
        one = shop.plan()
        shop.maker.in_creation.add(one.id)
        making = asyncio.create_task(shop.maker.make(shop.order(one)))
        await asyncio.sleep(0)
        await shop.look()
        await making
        assert shop.now(one).state is MachineState.STARTING

    tell(story, tmp_path, hypervisor=Odd)


def test_a_machine_that_an_earlier_daemon_planned_is_taken_over_as_it_is_found(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        found, lost = shop.plan(0), shop.plan(1)
        shop.hypervisor.create(request_for(shop, found.id))
        await shop.look()
        await asyncio.sleep(1)
        assert shop.now(found).state is MachineState.RUNNING
        assert shop.happened(found) == ["planned", "created", "seen_running"]
        assert shop.happened(lost) == ["planned", "gone", "cleared"]

    tell(story, tmp_path)


def test_a_machine_of_another_hypervisor_is_no_business_of_this_one(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = shop.plan(hypervisor="docker")
        await shop.look()
        assert shop.now(one).state is MachineState.PLANNED

    tell(story, tmp_path)
