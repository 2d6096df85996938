"""Deciding: which machinetypes can be made, what is known, and what the policies make of it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final

import attrs

from vac_core.config.schema import Site
from vac_core.decide.plan import plan
from vac_core.decide.values import Plan
from vac_core.factory.calls import Calls
from vac_core.factory.knowledge import Knowledge
from vac_core.factory.stock import Stock
from vac_core.factory.trades import TradeBook, Trades
from vac_core.interfaces import Policy
from vac_core.model import FactoryReport
from vac_core.situation import Situation

_log = logging.getLogger(__name__)

DECISION_DEADLINE_SECONDS: Final = 20.0


@attrs.define
class Decider:
    """Keeps the latest decision of one factory, and what it was made from."""

    knowledge: Knowledge
    book: TradeBook
    stock: Stock
    policies: Sequence[Policy]
    reports: Callable[[float], Sequence[FactoryReport]]
    """What the peers last told, given the time."""
    calls: Calls
    chance: random.Random
    plan: Plan | None = attrs.field(default=None, init=False)
    """The latest decision."""
    _failing: dict[str, str] = attrs.field(factory=dict, init=False)

    @property
    def dues(self) -> Sequence[float]:
        """When what holds machinetypes back ends by itself, as far as that can be foretold."""
        standings = () if self.plan is None else self.plan.standings
        return [reason.until for one in standings for reason in one.reasons if reason.until is not None]

    def trades(self, site: Site, now: float) -> Trades:
        """Which machinetypes can be made now, and why not the others."""
        return self.book.trades(site, now, self.stock.resources.refusals)

    def situation(self, site: Site, trades: Trades, now: float) -> Situation:
        """Everything that a decision may look at now."""
        able = {name: site.machinetypes[name] for name in trades.bindings}
        peers, resources = self.reports(now), self.stock.resources
        return self.knowledge.situation(site, able, trades.disabled, peers, resources, now)

    async def refresh(self, site: Site, changed: Collection[str]) -> None:
        """Find out anew what can be made; ``changed`` names the plugins' objects that may have other resources now."""
        await self.book.refresh(site, self.calls)
        await self.stock.refresh(changed, self.book.bindings, site.machinetypes)

    async def decide(self, site: Site, now: float) -> tuple[Plan, Trades]:
        """Make a decision; raises `vac_core.interfaces.PluginError` where the policies take too long."""
        trades = self.trades(site, now)
        what = f"the decision of {', '.join(policy.name for policy in self.policies)}"
        think = partial(plan, self.situation(site, trades, now), self.policies, self.chance)
        self.plan = await self.calls(think, deadline=DECISION_DEADLINE_SECONDS, what=what)
        self._mind_failures(self.plan)
        return self.plan, trades

    def _mind_failures(self, decided: Plan) -> None:
        """Log policies that begin to fail; `vac_core.factory.status` shows them for as long as they do."""
        for name, message in decided.failures.items():
            if self._failing.get(name) != message:
                _log.error("policy %s is left out while it fails: %s", name, message)
        self._failing = dict(decided.failures)
