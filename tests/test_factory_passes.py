"""The passes of a factory: what must not bring them to a halt, and what one pass may not see change."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import attrs
import pytest

from vac_core.factory.factory import RETRY_SECONDS
from vac_core.factory.journal import Journal, JournalError
from vac_core.interfaces import PluginError
from vac_core.model import Machine, MachineState
from vac_core.situation import Situation, Verdicts
from vac_core.testing import FakePolicy, Life, machinetype, run_virtual
from vac_core.testing.space import VirtualFactory, VirtualSpace

ONE = {"wn01.example.org": 2}
STUBBORN = Life(heeds_stop_after=None)
Story = Callable[[VirtualSpace, VirtualFactory], Coroutine[Any, Any, None]]


def tell(story: Story, directory: Path, life: Life | None = None, **settings: Any) -> None:
    async def in_space() -> None:
        types = [machinetype("lhcb")]
        async with VirtualSpace(directory, types, ONE, lives=lambda _: life or Life(), **settings) as space:
            await story(space, space.only)

    run_virtual(in_space())


def whats(factory: VirtualFactory) -> list[str]:
    return [event.what for event in factory.daemon.given.journal.events_after(0, 10000)]


class Ailing:
    """A journal that can be made to fail at some of its methods."""

    def __init__(self, patched: pytest.MonkeyPatch, journal: Journal) -> None:
        self._patched = patched
        self._journal = journal

    def fail(self, method: str) -> None:
        def full(*_: object, **__: object) -> None:
            raise JournalError("the disk is full: check the disk")

        self._patched.setattr(self._journal, method, full)

    def heal(self) -> None:
        self._patched.undo()


@pytest.fixture
def ailing(monkeypatch: pytest.MonkeyPatch) -> Callable[[VirtualFactory], Ailing]:
    return lambda factory: Ailing(monkeypatch, factory.daemon.given.journal)


def test_a_site_that_changes_while_a_decision_is_made_is_for_the_next_pass(tmp_path: Path) -> None:
    judged: list[str] = []

    async def story() -> None:
        def judge(situation: Situation) -> Verdicts:
            judged.extend(situation.machinetypes)
            space.only.source.site = attrs.evolve(space.only.source.site, machinetypes={})
            return Verdicts()

        meddling = {"backoff": FakePolicy(judge, name="backoff")}
        async with VirtualSpace(tmp_path, [machinetype("lhcb")], ONE, policies_used=meddling) as space:
            await space.pass_time(10)
            assert "lhcb" in judged
            assert len(space.only.alive) == 2
            assert space.only.trades.bindings == {}

    run_virtual(story())


@pytest.mark.parametrize("jump", [-86400.0, 86400.0, 10 * 365 * 86400.0])
def test_a_jump_of_the_clock_that_is_mended_costs_no_outputs_and_no_records(tmp_path: Path, jump: float) -> None:
    async def story(space: VirtualSpace, factory: VirtualFactory) -> None:
        await space.pass_time(150)
        ended = factory.daemon.roster.latest_ends["lhcb"]
        outputs = factory.state.machine(ended.id) / "joboutputs"
        before = whats(factory)
        space.clock.jump(jump)
        await space.pass_time(600)
        assert outputs.is_dir()
        assert whats(factory)[: len(before)] == before
        space.clock.jump(-jump)
        await space.pass_time(600)
        assert outputs.is_dir()
        assert whats(factory)[: len(before)] == before
        assert whats(factory).count("clock_jumped") == 2

    tell(story, tmp_path, Life(ends_after=100.0))


def test_backoff_goes_on_after_the_clock_was_set_back(tmp_path: Path) -> None:
    async def story(space: VirtualSpace, factory: VirtualFactory) -> None:
        factory.change_site(machinetypes={"lhcb": machinetype("lhcb", backoff_seconds=600, fizzle_seconds=100)})
        await space.pass_time(100)
        first = whats(factory).count("planned")
        space.clock.jump(-86400)
        await space.pass_time(1500)
        again = whats(factory).count("planned") - first
        assert 1 <= again <= 3, "every backoff_seconds one machine finds out whether there is work"

    tell(story, tmp_path, Life(ends_after=50.0, message=b"300 no work"))


@pytest.mark.parametrize("method", ["note", "update"])
def test_a_jump_of_the_clock_while_the_disk_is_full_ends_no_machine(
    tmp_path: Path, ailing: Callable[[VirtualFactory], Ailing], method: str
) -> None:
    async def story(space: VirtualSpace, factory: VirtualFactory) -> None:
        await space.pass_time(100)
        before = {one.id: one.shutdown_time for one in factory.alive}
        journal = ailing(factory)
        journal.fail(method)
        space.clock.jump(10 * 86400)
        await space.pass_time(100)
        assert "the disk is full" in factory.daemon.troubles.get("pass", "") or method == "note"
        journal.heal()
        await space.pass_time(100)
        assert "pass" not in factory.daemon.troubles
        wanted = {machine_id: end + 10 * 86400 for machine_id, end in before.items()}
        assert {one.id: one.shutdown_time for one in factory.alive} == wanted
        await factory.restart()
        assert {one.id: one.shutdown_time for one in factory.alive} == wanted

    tell(story, tmp_path)


def test_figures_that_could_not_be_saved_are_saved_later(
    tmp_path: Path, ailing: Callable[[VirtualFactory], Ailing]
) -> None:
    async def story(space: VirtualSpace, factory: VirtualFactory) -> None:
        await space.pass_time(10)
        journal = ailing(factory)
        journal.fail("update")
        await space.pass_time(100)
        assert "check the disk" in factory.daemon.troubles["pass"]
        factory.host.failures["list_machines"] = PluginError("no more news")
        journal.heal()
        await space.pass_time(RETRY_SECONDS + 1)
        (one, _) = factory.alive
        assert kept(factory, one).cpu_seconds == one.cpu_seconds > 0

    tell(story, tmp_path)


def kept(factory: VirtualFactory, one: Machine) -> Machine:
    found = factory.daemon.given.journal.find(one.id)
    assert found is not None
    return found


def test_a_hypervisor_that_cannot_be_watched_is_still_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwatchable(_self: object, _changed: object) -> None:
        raise RuntimeError("no events here")

    async def story(space: VirtualSpace, factory: VirtualFactory) -> None:
        assert factory.daemon.troubles["watching fake"] == "RuntimeError: no events here"
        await space.pass_time(100)
        assert whats(factory).count("gone") >= 2

    monkeypatch.setattr("vac_core.testing.hypervisor.FakeHypervisor.watch", unwatchable)
    tell(story, tmp_path, Life(ends_after=20.0))


@pytest.mark.parametrize("method", ["create", "destroy", "request_stop"])
def test_many_calls_that_hang_at_one_time_hold_up_no_pass(tmp_path: Path, method: str) -> None:
    async def story() -> None:
        lhcb = machinetype("lhcb", max_wallclock_seconds=50, grace_seconds=10)
        many = {"wn01.example.org": 70}
        async with VirtualSpace(tmp_path, [lhcb], many, lives=lambda _: STUBBORN, pass_seconds=10) as space:
            space.only.host.delays[method] = math.inf
            await space.pass_time(100)
            plan = space.only.daemon.decider.plan
            assert plan is not None
            assert space.clock() - plan.now <= 11

    run_virtual(story())


def test_an_event_from_another_thread_leads_to_a_pass(tmp_path: Path) -> None:
    async def story(space: VirtualSpace, factory: VirtualFactory) -> None:
        await space.pass_time(1)
        one = factory.alive[0]
        await space.pass_time(100)
        factory.host.end(factory.host.machines[one.id], b"200 done")
        await space.pass_time(0.5)
        assert kept(factory, one).state is MachineState.CLEARED
        assert len(factory.alive) == 2

    tell(story, tmp_path, pass_seconds=3600)
