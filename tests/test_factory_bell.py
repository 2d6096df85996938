"""Plugins' threads reach the factory, and learn what machines use."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from vac_core.factory.bell import Bell, machines_cpu_seconds
from vac_core.interfaces import Home, PluginError, Policy
from vac_core.situation import Situation, Verdicts, Veto
from vac_core.testing import FakeHost, FakeHypervisor, Life, create_request, home, machinetype, run_virtual
from vac_core.testing.space import VirtualSpace


class Door(Policy):
    """Vetoes everything until it is opened."""

    name = "door"

    def __init__(self) -> None:
        self.open = False
        self.home: Home | None = None

    def start(self, home: Home) -> None:
        self.home = home

    def judge(self, situation: Situation) -> Verdicts:
        return Verdicts() if self.open else Verdicts(vetoes=(Veto(reason="the door is shut"),))


def test_a_policy_that_sees_a_change_has_the_factory_decide_at_once(tmp_path: Path) -> None:
    door = Door()

    async def story() -> None:
        async with VirtualSpace(
            tmp_path,
            [machinetype("lhcb")],
            {"wn01.example.org": 2},
            policies_used={"door": door},
            policies=("target-shares", "door"),
            pass_seconds=3600,
        ) as vac:
            await vac.pass_time(10)
            assert vac.running("lhcb") == 0
            assert door.home is not None
            door.open = True
            thread = threading.Thread(target=door.home.wake)
            thread.start()
            thread.join()
            await vac.pass_time(10)
            assert vac.running("lhcb") == 2
            assert sorted(door.home.cpu_seconds()) == sorted(one.id for one in vac.only.alive)

    run_virtual(story())


def test_a_policys_end_ends_machines_that_run_and_is_told_to_them(tmp_path: Path) -> None:
    class Closing(Policy):
        name = "closing"
        end: float | None = None

        def judge(self, situation: Situation) -> Verdicts:
            return Verdicts(end=self.end)

    closing = Closing()

    async def story() -> None:
        async with VirtualSpace(
            tmp_path,
            [machinetype("lhcb", grace_seconds=0)],
            {"wn01.example.org": 1},
            policies_used={"closing": closing},
            policies=("target-shares", "closing", "host-limits"),
            pass_seconds=30,
        ) as vac:
            await vac.pass_time(10)
            (one,) = vac.only.alive
            closing.end = vac.clock() + 600
            await vac.pass_time(100)
            told = vac.only.state.machine(one.id) / "machinefeatures" / "shutdowntime"
            assert int(told.read_text("ascii")) == int(closing.end)
            await vac.pass_time(700)
            assert vac.only.daemon.roster.get(one.id) is None
            ended = vac.only.daemon.given.journal.find(one.id)
            assert ended is not None
            assert str(ended.outcome).startswith("100 ")

    run_virtual(story())


def test_a_bell_that_nobody_hears_any_more_is_rung_in_peace() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    Bell(loop).ring()


def test_a_hypervisor_that_cannot_tell_leaves_out_its_own(tmp_path: Path) -> None:
    able, unable = FakeHypervisor(FakeHost(), name="able"), FakeHypervisor(FakeHost(), name="unable")
    able.host.lives = lambda _: Life(cpu_per_second=0.5)
    at = home(tmp_path)
    for one in (able, unable):
        one.start(at)
    request = create_request(at)
    able.create(request)
    able.host.clock.advance(10)
    unable.host.failures["list_machines"] = PluginError("not now")
    assert machines_cpu_seconds([unable, able]) == {request.machine.id: 5.0}
