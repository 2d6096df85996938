"""What hypervisors have of scarce things reaches the decision, and what they refuse is said."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from vac_core.factory.binding import Binding
from vac_core.factory.calls import ThreadCalls
from vac_core.factory.stock import Stock
from vac_core.interfaces import PluginError
from vac_core.powers import Demand, Resources
from vac_core.testing import FakeContextualiser, FakeHost, FakeHypervisor, machinetype, run_virtual
from vac_core.testing.space import VirtualSpace

ONE = {"wn01.example.org": 4}
TYPES = {"gpu": machinetype("gpu"), "cpu": machinetype("cpu")}


def hypervisor(name: str, resources: Any) -> FakeHypervisor:
    host = FakeHost()
    host.resources = resources
    return FakeHypervisor(host, name=name)


def asked(*hypervisors: FakeHypervisor, changed: frozenset[str] = frozenset(), times: int = 1) -> Resources:
    """What is known once the hypervisors were asked; the machinetype gpu is made by the first."""
    bindings = {"gpu": Binding(hypervisors[0], FakeContextualiser())}
    stock = Stock(hypervisors, ThreadCalls())
    for _ in range(times):
        asyncio.run(stock.refresh(changed, bindings, TYPES))
    return stock.resources


def test_two_hypervisors_share_what_they_call_by_one_name() -> None:
    first = hypervisor("a", Resources(capacity={"GPU": 2}, demands={"gpu": {"GPU": Demand(per_machine=1)}}))
    second = hypervisor("b", Resources(capacity={"GPU": 1, "disk": 5}))
    found = asked(first, second)
    assert dict(found.capacity) == {"GPU": 1, "disk": 5}
    assert dict(found.demands) == {"gpu": {"GPU": Demand(per_machine=1)}}


def test_one_that_cannot_tell_has_its_machinetypes_refused_with_the_reason() -> None:
    broken = hypervisor("a", Resources())
    broken.host.failures["resources"] = PluginError("the disk does not answer")
    assert "the disk does not answer" in asked(broken).refusals["gpu"]


@pytest.mark.parametrize("capacity", [{"GPU": -1}, {"GPU": 0.5}, {"GPU": True}, {"GPU": None}])
def test_nonsense_is_no_resource(capacity: dict[str, Any]) -> None:
    assert "a whole number from 0 on" in asked(hypervisor("a", Resources(capacity=capacity))).refusals["gpu"]


def test_one_is_asked_again_only_when_it_or_its_machinetypes_have_changed() -> None:
    times = []

    class Counting(FakeHypervisor):
        def resources(self, machinetypes: Any) -> Resources:
            times.append(tuple(one.name for one in machinetypes))
            return Resources()

    asked(Counting(name="a"), times=3)
    assert times == [("gpu",)]
    asked(Counting(name="a"), changed=frozenset({"a"}), times=2)
    assert times == [("gpu",)] * 3


class Choosy(FakeContextualiser):
    """A contextualiser that refuses whatever it is asked of."""

    why = ""

    def resources(self, machinetypes: Any) -> Resources:
        return Resources(refusals={one.name: self.why for one in machinetypes if self.why})


def test_a_contextualiser_may_refuse_its_machinetypes_too() -> None:
    maker, choosy = hypervisor("a", Resources(refusals={"gpu": "no disk is left"})), Choosy()
    choosy.why = "its certificate has expired"
    stock = Stock((maker, choosy), ThreadCalls())
    asyncio.run(stock.refresh((), {"gpu": Binding(maker, choosy), "cpu": Binding(maker, FakeContextualiser())}, TYPES))
    assert stock.resources.refusals == {"gpu": "no disk is left; its certificate has expired"}


def test_a_contextualiser_is_asked_again_at_each_periodic_pass(tmp_path: Path) -> None:
    async def story() -> None:
        choosy = Choosy()
        async with VirtualSpace(tmp_path, [TYPES["cpu"]], ONE, pass_seconds=30, contextualiser=choosy) as vac:
            await vac.pass_time(60)
            assert vac.running("cpu") == 4
            choosy.why = "its certificate has expired"
            await vac.pass_time(60)
            assert vac.only.trades.disabled == {"cpu": "its certificate has expired"}

    run_virtual(story())


def test_a_device_goes_from_machine_to_machine_and_a_refusal_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with VirtualSpace(tmp_path, TYPES.values(), ONE, pass_seconds=30) as vac:
            host = vac.only.host
            await vac.pass_time(60)
            host.resources = Resources(
                capacity={"GPU": 1},
                demands={"gpu": {"GPU": Demand(per_machine=1)}},
                refusals={"cpu": "its image is 40 % here"},
            )
            for one in list(host.machines.values()):
                host.end(one, b"200 done")
            await vac.pass_time(60)
            assert vac.only.trades.disabled["cpu"] == "its image is 40 % here"
            assert (vac.running("gpu"), vac.running("cpu")) == (1, 0)
            (holder,) = host.machines.values()
            host.end(holder, b"200 done")
            await vac.pass_time(60)
            (successor,) = host.machines.values()
            assert successor.machine_id != holder.machine_id

    run_virtual(story())
