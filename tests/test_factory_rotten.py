"""Plugins that do their worst in each of their methods: another machinetype is started all the same, and it is told."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from vac_core.factory import status
from vac_core.interfaces import Policy
from vac_core.model import FactoryReport
from vac_core.situation import Rank, Situation, Verdicts, Veto
from vac_core.testing import machinetype, run_virtual
from vac_core.testing.fixtures import MakeSpace
from vac_core.testing.space import VirtualFactory

ONE = {"wn01.example.org": 2}
POLICIES = ("rotten", "host-limits", "backoff", "target-shares")


def leave() -> Any:
    sys.exit("the plugin has had enough")


def fail() -> Any:
    raise RuntimeError("rotten through and through")


class RottenPolicy(Policy):
    name = "rotten"

    def __init__(self, act: Callable[[], Any]) -> None:
        self._act = act

    def judge(self, situation: Situation) -> Verdicts:
        verdicts: Verdicts = self._act()
        return verdicts


def told(factory: VirtualFactory) -> str:
    troubles = status.troubles(factory.daemon)
    return " ".join([*troubles.keys(), *troubles.values(), *factory.trades.disabled.values()])


@pytest.mark.parametrize(
    "act",
    [
        fail,
        leave,
        lambda: None,
        lambda: Verdicts(ranks=(Rank(machinetype="lhcb", value=1.0, reason=None),)),  # type: ignore[arg-type]
        lambda: Verdicts(vetoes=(Veto(reason=None),)),  # type: ignore[arg-type]
        lambda: Verdicts(vetoes=(Veto(reason="why", machinetype=7),)),  # type: ignore[arg-type]
        lambda: Verdicts(most_starts="few"),  # type: ignore[arg-type]
    ],
    ids=["raises", "exits", "nothing", "rank without reason", "veto without reason", "odd type", "odd number"],
)
def test_a_rotten_policy_is_left_out(space: MakeSpace, act: Callable[[], Any]) -> None:
    async def story() -> None:
        rotten = RottenPolicy(act)
        async with space([machinetype("lhcb")], ONE, policies_used={"rotten": rotten}, policies=POLICIES) as vac:
            await vac.pass_time(60)
            assert vac.running("lhcb") == 2
            assert "policy rotten" in told(vac.only)

    run_virtual(story())


def test_a_policy_that_hangs_stops_starts_and_nothing_else(space: MakeSpace) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], ONE, policies=POLICIES, policies_used={"rotten": rotten}) as vac:
            rotten.factory = vac.only
            await vac.pass_time(200)
            assert vac.running("lhcb") == 0
            assert "the decision of rotten" in told(vac.only)

    class Hanging(Policy):
        name = "rotten"
        factory: VirtualFactory | None = None

        def judge(self, situation: Situation) -> Verdicts:
            if self.factory is not None:
                self.factory.host.clock.sleep(math.inf)
            return Verdicts(vetoes=(Veto(reason="not yet"),))

    rotten = Hanging()
    run_virtual(story())


@pytest.mark.parametrize("answer", [[1, 2], None, fail, leave], ids=["numbers", "nothing", "raises", "exits"])
def test_a_rotten_check_disables_what_it_checks_alone(space: MakeSpace, answer: Any) -> None:
    async def story() -> None:
        async with space([machinetype("good")], ONE) as vac:
            hypervisor = vac.only.daemon.given.crew.hypervisors["fake"]

            def check(one: Any) -> Any:
                if one.name != "bad":
                    return ()
                return answer() if callable(answer) else answer

            hypervisor.check = check
            vac.only.change_site(
                machinetypes={"good": machinetype("good"), "bad": machinetype("bad", target_share=9.0)}
            )
            await vac.pass_time(60)
            assert vac.running("good") == 2
            assert set(vac.only.trades.disabled) == {"bad"}

    run_virtual(story())


@pytest.mark.parametrize(
    "odd", [{"cpu_seconds": "lots"}, {"cpu_seconds": math.nan}, {"exit_code": "one"}, {"note": None}], ids=str
)
def test_figures_that_are_none_are_refused_at_the_door(space: MakeSpace, odd: dict[str, Any]) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], ONE) as vac:
            await vac.pass_time(10)
            hypervisor = vac.only.daemon.given.crew.hypervisors["fake"]
            honest = hypervisor.list_machines
            hypervisor.list_machines = lambda: [attrs.evolve(one, **odd) for one in honest()]
            await vac.pass_time(60)
            assert "hypervisor fake" in told(vac.only)
            assert {machine.cpu_seconds for machine in vac.only.alive} <= {0.0, *range(100)}

    run_virtual(story())


@pytest.mark.parametrize(
    "answer",
    [
        [FactoryReport(factory=3, received="x", types={})],  # type: ignore[arg-type]
        [FactoryReport(factory="wn02", received=1.0, types={"r": 3})],  # type: ignore[dict-item]
        fail,
        leave,
    ],
    ids=["odd fields", "odd types", "raises", "exits"],
)
def test_a_rotten_peer_finder_leaves_the_factory_to_decide_alone(space: MakeSpace, answer: Any) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], ONE, poll_seconds=5) as vac:
            (finder,) = vac.only.daemon.given.crew.peer_finders

            async def gather() -> Any:
                return answer() if callable(answer) else answer

            finder.gather = gather
            await vac.pass_time(60)
            assert vac.running("lhcb") == 2
            assert "peer_finder fake" in told(vac.only)
            assert status.status(vac.only.daemon, vac.only.registry, 0.0)["peers"]["heard"] == 1

    run_virtual(story())


def test_an_observer_that_exits_is_told_again_and_ends_nothing(space: MakeSpace) -> None:
    async def story() -> None:
        async with space([machinetype("lhcb")], ONE) as vac:
            vac.only.observer.observe = lambda _event: leave()
            await vac.pass_time(60)
            assert vac.running("lhcb") == 2
            assert "the plugin has had enough" in told(vac.only)

    run_virtual(story())
