"""Contextualisers that watch their machines from outside: what they see ends a machine, with its message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from workshop import Workshop, tell

from vac_core.factory.lookout import LOOK_SECONDS, Lookout
from vac_core.interfaces import PluginError
from vac_core.model import Machine, MachineState
from vac_core.testing import FakeContextualiser, Life


class Watching(FakeContextualiser):
    """Sees in its machines what a test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.said: Callable[[Machine, bool], str] = lambda _machine, _ended: ""
        self.looks: list[tuple[str, MachineState, bool]] = []

    def look(self, machine: Machine, directory: Path, *, ended: bool) -> str:
        assert (directory / "joboutputs").is_dir()
        self.looks.append((machine.id, machine.state, ended))
        return self.said(machine, ended)


def lookout(shop: Workshop, watching: FakeContextualiser) -> Lookout:
    made = Lookout(shop.state, shop.roster, shop.ender, shop.calls, lambda _machine: watching)
    shop.watcher.before_end = made.last_look
    return made


def left(shop: Workshop, one: Machine) -> str:
    return (shop.directory(one) / "joboutputs" / "shutdown_message").read_text()


def test_a_machine_that_has_come_to_something_ends_with_that(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        watching = Watching()
        eyes = lookout(shop, watching)
        one, other = await shop.make(0), await shop.make(1)
        await eyes.look()
        assert {shop.now(each).state for each in (one, other)} == {MachineState.RUNNING}
        watching.said = lambda machine, _: "200 Success" if machine.id == one.id else ""
        await eyes.look()
        assert shop.now(one).state is MachineState.STOPPING
        await asyncio.sleep(1)
        await shop.look()
        assert str(shop.now(one).outcome) == left(shop, one) == "200 Success"
        assert shop.now(other).state is MachineState.RUNNING

    tell(story, tmp_path)


def test_it_looks_again_and_again_at_what_runs_and_at_nothing_else(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        watching = Watching()
        running = asyncio.create_task(lookout(shop, watching).run())
        planned, one = shop.plan(1), await shop.make(0)
        await asyncio.sleep(10 * LOOK_SECONDS)
        assert {looked[0] for looked in watching.looks} == {one.id}
        assert planned.id != one.id
        assert len(watching.looks) >= 5
        running.cancel()

    tell(story, tmp_path)


def test_a_machine_that_ended_is_looked_at_once_more_before_its_outcome_is_settled(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        watching = Watching()
        watching.said = lambda _, ended: "207 Nothing to do" if ended else ""
        lookout(shop, watching)
        one = await shop.make()
        await asyncio.sleep(700)
        await shop.look()
        assert watching.looks == [(one.id, MachineState.RUNNING, True)]
        assert str(shop.now(one).outcome) == "207 Nothing to do"

    tell(story, tmp_path, Life(ends_after=650.0, message=None))


def test_what_the_guest_itself_said_counts_first(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        watching = Watching()
        watching.said = lambda _machine, _ended: "700 It is lost"
        eyes = lookout(shop, watching)
        one = await shop.make()
        (shop.directory(one) / "joboutputs" / "shutdown_message").write_text("200 Success")
        await eyes.look()
        await asyncio.sleep(1)
        await shop.look()
        assert str(shop.now(one).outcome) == left(shop, one) == "200 Success"

    tell(story, tmp_path)


@pytest.mark.parametrize("said", ["well done", "20 x"])
def test_what_is_no_shutdown_message_is_told_as_a_fault_and_ends_nothing(tmp_path: Path, said: str) -> None:
    async def story(shop: Workshop) -> None:
        watching = Watching()
        watching.said = lambda _machine, _ended: said
        eyes = lookout(shop, watching)
        one = await shop.make()
        await eyes.look()
        assert shop.now(one).state is MachineState.RUNNING
        assert "is no shutdown message" in eyes.failing[one.id]

    tell(story, tmp_path)


def test_one_that_fails_is_told_of_until_it_succeeds_or_its_machine_is_gone(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        def fails(machine: Machine, _ended: bool) -> str:
            raise PluginError(f"{machine.slot} cannot be seen")

        watching = Watching()
        watching.said = fails
        eyes = lookout(shop, watching)
        one, other = await shop.make(0), await shop.make(1)
        await eyes.look()
        assert eyes.failing == {one.id: "0 cannot be seen", other.id: "1 cannot be seen"}
        watching.said = lambda machine, _: "" if machine.id == one.id else fails(machine, False)
        await eyes.look()
        assert eyes.failing == {other.id: "1 cannot be seen"}
        shop.hypervisor.destroy(other.id)
        await shop.look()
        await asyncio.sleep(1)
        await eyes.look()
        assert eyes.failing == {}

    tell(story, tmp_path)


def test_contextualisers_without_the_power_are_never_asked(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        eyes = lookout(shop, shop.contextualiser)
        one = await shop.make()
        await eyes.look()
        assert shop.now(one).state is MachineState.RUNNING
        assert eyes.failing == {}

    tell(story, tmp_path)
