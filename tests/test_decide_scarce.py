"""What a host has only so much of is never promised twice."""

from __future__ import annotations

import random
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from vac_core.builtin.policies.target_shares import TargetShares
from vac_core.config.schema import MachineType
from vac_core.decide.plan import plan
from vac_core.decide.values import Plan, StandingState
from vac_core.model import Capacity, Machine
from vac_core.powers import Demand, Resources
from vac_core.testing import machine, machinetype, settings, situation

GPU = "GPU 0000:3b:00.0"
DISK = "bytes of disk"


def decide(
    types: list[MachineType], capacity: Mapping[str, int], demands: Mapping[str, Demand], *machines: Machine
) -> Plan:
    """A plan for 8 processors and one resource; ``demands`` are by machinetype."""
    (resource,) = capacity
    resources = Resources(capacity=capacity, demands={name: {resource: one} for name, one in demands.items()})
    judged = situation(
        types,
        machines=machines,
        resources=resources,
        capacity=Capacity(processors=8),
        settings=settings(processors_per_superslot=4),
    )
    return plan(judged, (TargetShares(),), random.Random(0))


def test_a_device_is_promised_once_in_one_pass_and_the_rest_goes_to_others() -> None:
    made = decide([machinetype("gpu", target_share=9), machinetype("cpu")], {GPU: 1}, {"gpu": Demand(per_machine=1)})
    assert sorted(start.machinetype for start in made.starts) == ["cpu"] * 7 + ["gpu"]
    standing = made.standing("gpu")
    assert standing is not None
    assert standing.state is StandingState.VETOED
    assert [reason.text for reason in standing.reasons] == [f"needs 1 and 0 are left of: {GPU}"]


def test_what_a_running_machine_holds_is_not_left() -> None:
    held = machine(machinetype="gpu")
    made = decide([machinetype("gpu")], {GPU: 1}, {"gpu": Demand(per_machine=1)}, held)
    assert made.starts == ()


def test_a_resource_that_is_not_there_is_none_of_it() -> None:
    resources = Resources(demands={"gpu": {GPU: Demand(per_machine=1)}})
    made = plan(situation([machinetype("gpu")], resources=resources), (TargetShares(),), random.Random(0))
    assert made.starts == ()


def test_disk_is_counted_by_processors() -> None:
    types = [machinetype("wide", min_processors=2, max_processors=2)]
    made = decide(types, {DISK: 100}, {"wide": Demand(per_processor=20)})
    assert len(made.starts) == 2


def test_a_machine_of_several_sizes_has_the_one_for_which_there_is_enough() -> None:
    types = [machinetype("wide", min_processors=1, max_processors=4)]
    made = decide(types, {DISK: 70}, {"wide": Demand(per_machine=10, per_processor=20)})
    assert [start.processors for start in made.starts] == [3]


@given(
    there=st.integers(0, 40),
    demands=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 4)), min_size=1, max_size=4),
    running=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=3),
)
def test_no_more_is_promised_than_there_is(
    there: int, demands: list[tuple[int, int, int]], running: list[tuple[int, int]]
) -> None:
    types = [machinetype(f"t{n}", max_processors=most) for n, (_, _, most) in enumerate(demands)]
    wanted = {f"t{n}": Demand(per_machine=fixed, per_processor=each) for n, (fixed, each, _) in enumerate(demands)}
    machines = [
        machine(slot, machinetype=f"t{owner % len(types)}", processors=processors)
        for slot, (owner, processors) in enumerate(running)
    ]
    made = decide(types, {DISK: there}, wanted, *machines)
    before = sum(wanted[one.machinetype].of(one.processors) for one in machines)
    promised = sum(wanted[start.machinetype].of(start.processors) for start in made.starts)
    assert promised == 0 or before + promised <= there
