"""Whole factories on virtual time: what a site sees of them, told as stories."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from vac_core.model import MachineState
from vac_core.testing import Life, machinetype, run_virtual
from vac_core.testing.space import VirtualSpace

Story = Callable[[], Coroutine[Any, Any, None]]
NO_WORK = Life(ends_after=5.0, message=b"300 No work")
ONE = {"wn01.example.org": 8}


def test_an_empty_factory_fills_at_once_and_meets_the_shares(tmp_path: Path) -> None:
    async def story() -> None:
        types = [machinetype("lhcb", target_share=5.0), machinetype("atlas", target_share=3.0)]
        async with VirtualSpace(tmp_path, types, ONE) as space:
            await space.pass_time(1)
            assert (space.running("lhcb"), space.running("atlas")) == (5, 3)
            assert {machine.slot for machine in space.only.alive} == set(range(8))

    run_virtual(story())


def test_a_freed_slot_gets_its_next_machine_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        life, slow = Life(ends_after=1000.0), {"pass_seconds": 600, "poll_seconds": 600}
        async with VirtualSpace(tmp_path, [machinetype("lhcb")], ONE, lives=lambda _: life, **slow) as space:
            await space.pass_time(1001)
            assert len(space.only.alive) == 8
            assert all(machine.created > space.clock() - 5 for machine in space.only.alive)

    run_virtual(story())


def test_a_machine_that_finds_no_work_makes_its_type_back_off(tmp_path: Path) -> None:
    async def story() -> None:
        idle = machinetype("idle", backoff_seconds=300, fizzle_seconds=60)
        async with VirtualSpace(tmp_path, [idle], {"wn01.example.org": 1}, lives=lambda _: NO_WORK) as space:
            await space.pass_time(200)
            assert space.running("idle") == 0
            ends = [event for event in space.only.observer.events if event.what == "gone"]
            assert len(ends) == 1
            await space.pass_time(200)
            ends = [event for event in space.only.observer.events if event.what == "gone"]
            assert len(ends) == 2

    run_virtual(story())


def test_a_restarted_daemon_adopts_its_machines(tmp_path: Path) -> None:
    async def story() -> None:
        async with VirtualSpace(tmp_path, [machinetype("lhcb")], ONE) as space:
            await space.pass_time(10)
            before = {machine.id for machine in space.only.alive}
            await space.only.restart()
            await space.pass_time(10)
            assert {machine.id for machine in space.only.alive} == before
            assert all(machine.state is MachineState.RUNNING for machine in space.only.alive)

    run_virtual(story())
