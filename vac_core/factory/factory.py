"""The factory itself: observe, decide, act, led by events; the periodic pass repairs only what events missed."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from vac_core.config.schema import Site
from vac_core.decide.values import Start
from vac_core.factory.attic import Attic
from vac_core.factory.background import Background
from vac_core.factory.binding import Binding
from vac_core.factory.decider import Decider
from vac_core.factory.draining import Draining
from vac_core.factory.ender import Ender
from vac_core.factory.faults import Faults
from vac_core.factory.herald import Herald
from vac_core.factory.journal import JournalError
from vac_core.factory.knowledge import Knowledge
from vac_core.factory.lookout import Lookout
from vac_core.factory.maker import Maker, Order
from vac_core.factory.new_machine import new_machine
from vac_core.factory.peers import PeerKeeper
from vac_core.factory.roster import Roster
from vac_core.factory.site_follower import SiteFollower
from vac_core.factory.stock import Stock
from vac_core.factory.surroundings import Surroundings
from vac_core.factory.timekeeping import JumpWatch
from vac_core.factory.trades import TradeBook
from vac_core.factory.warden import Warden
from vac_core.factory.watcher import Watcher
from vac_core.interfaces import Contextualiser, Hypervisor, PluginError, SpaceView
from vac_core.model import Machine
from vac_core.powers import WatchesMachines

_log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 5.0
"""How soon a pass that failed, for want of disk space say, is tried again."""
TICK_SECONDS: Final = 0.01
"""Added to every wait, so that what is due has really come when it ends."""


class Factory:
    """One factory of a space."""

    def __init__(self, given: Surroundings) -> None:
        self.given = given
        self.site: Site = given.source.site
        """The site as it was last taken up: another thread reads the files, but no decision sees two sites."""
        self.roster = Roster(given.journal, given.clock)
        self.draining = Draining(given.journal)
        self.faults = Faults()
        self.knowledge = Knowledge(
            factory=given.name, host=given.host, roster=self.roster, draining=self.draining, clock=given.clock
        )
        hypervisors = given.crew.hypervisors
        self.maker = Maker(given.state, self.roster, self.faults, given.calls, given.clock)
        self.ender = Ender(given.state, self.roster, hypervisors, given.calls, given.clock)
        self.watcher = Watcher(hypervisors, self.roster, self.ender, given.calls, given.clock)
        self.warden = Warden(given.state, self.roster, self.ender, hypervisors, given.calls, given.clock)
        self.peers = PeerKeeper(given.crew.peer_finders, lambda: self.site.settings, given.clock, self.wake)
        self.herald = Herald(given.journal, given.crew.observers, given.calls)
        self.decider = Decider(
            self.knowledge,
            TradeBook(given.crew, self.faults),
            Stock((*hypervisors.values(), *given.crew.contextualisers.values()), given.calls),
            given.crew.policies,
            self.peers.reports,
            given.calls,
            given.random,
        )
        self.follower = SiteFollower(given.source, given.calls, given.clock, self._take_up_site)
        self.attic = Attic(given.state, given.journal, self.roster, given.calls)
        self.background = Background(self.wake)
        self.troubles: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._dirty: set[str] = set()
        self._looked: set[str] = set()
        self._jumps = JumpWatch(given.clock, asyncio.get_running_loop().time)
        self._next_full = float("-inf")
        self._view = self.knowledge.view(self.site, given.clock())
        self._abort_untold = False
        self.lookout = Lookout(given.state, self.roster, self.ender, given.calls, self._contextualiser_of)
        self.watcher.before_end = self.lookout.last_look
        self.ender.look_again = self.look_soon
        self.ender.ended = self._mind_abort

    def _contextualiser_of(self, machine: Machine) -> Contextualiser | None:
        machinetype = self.site.machinetypes.get(machine.machinetype)
        one = None if machinetype is None else self.given.crew.contextualisers.get(machinetype.contextualiser)
        return one if one is not None and self.given.crew.started("contextualiser", one) else None

    def wake(self) -> None:
        """Something has changed: decide soon."""
        self._wake.set()

    def _take_up_site(self) -> None:
        self.site = self.given.source.site
        self._wake.set()

    def look_soon(self, hypervisor: str) -> None:
        """A machine of this hypervisor has changed: look at it, and decide, soon."""
        self._dirty.add(hypervisor)
        self._wake.set()

    async def start(self) -> None:
        """Reconcile the journal with what runs, watch the hypervisors, and begin to ask the peers."""
        crew = self.given.crew
        self.ender.machinetypes = self.site.machinetypes
        await crew.check_health(self.given.calls)
        loop = asyncio.get_running_loop()
        for hypervisor in crew.hypervisors.values():
            if crew.started("hypervisor", hypervisor):
                self._watch(hypervisor, loop)
        await self._observe(full=True)
        self.background.start(self.peers.run())
        self.background.start(self.follower.run())
        if any(isinstance(one, WatchesMachines) for one in crew.contextualisers.values()):
            self.background.start(self.lookout.run())

    def _watch(self, hypervisor: Hypervisor, loop: asyncio.AbstractEventLoop) -> None:
        def changed(_machine_id: str) -> None:
            loop.call_soon_threadsafe(self.look_soon, hypervisor.name)

        try:
            hypervisor.watch(changed)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - without events the periodic pass still sees what happens
            self.troubles[f"watching {hypervisor.name}"] = f"{type(error).__name__}: {error}"
            _log.exception("hypervisor %s cannot be watched; only the periodic pass looks at it", hypervisor.name)

    async def run(self) -> None:
        """Go on for ever; ends only by being cancelled."""
        await self.peers.first_view()
        while True:
            self._wake.clear()
            await self.one_pass()
            await self._sleep()

    async def _sleep(self) -> None:
        """Wait for an event, or for the time of the next thing that is due."""
        rest = max(0.0, self._next_due() - self.given.clock()) + TICK_SECONDS
        try:
            async with asyncio.timeout(rest):
                await self._wake.wait()
        except TimeoutError:
            return

    def _next_due(self) -> float:
        now = self.given.clock()
        if self._next_full <= now:
            return now
        times = [self._next_full]
        times += [machine.stop_deadline or machine.shutdown_time for machine in self.roster.alive]
        if (held := self.faults.next_end(now)) is not None:
            times.append(held)
        times += self.decider.dues
        return min((time for time in times if time > now), default=self._next_full)

    async def one_pass(self) -> None:
        """Observe, decide, act; whatever goes wrong in one pass is for the next one to mend."""
        try:
            full = self.given.clock() >= self._next_full
            self._mind_clock()
            await self._observe(full=full)
            if full:
                await self._repair()
            await self._decide_and_act()
            self._view = self.knowledge.view(self.site, self.given.clock())
            self._tell_peers()
            self.herald.cry()
            if full:
                self.troubles.pop("pass", None)
        except (JournalError, PluginError, OSError) as error:
            self._put_off(str(error))
            _log.error("this pass could not be finished: %s", error)
        except Exception as error:  # noqa: BLE001 - a fault in one decision must not end the factory
            self._put_off(f"{type(error).__name__}: {error}")
            _log.exception("this pass could not be finished: a fault in Vac itself")

    def _put_off(self, trouble: str) -> None:
        self.troubles["pass"] = trouble
        self._next_full = self.given.clock() + min(RETRY_SECONDS, self.site.settings.pass_seconds)

    async def _observe(self, *, full: bool) -> None:
        crew = self.given.crew
        hypervisors = crew.hypervisors
        names = set(hypervisors) if full else self._dirty & set(hypervisors)
        self._dirty -= names
        self._looked |= names | (set(crew.contextualisers) if full else set())
        looks = [
            self.watcher.look(hypervisors[name], self.maker.in_creation)
            for name in sorted(names)
            if crew.started("hypervisor", hypervisors[name])
        ]
        for result in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _repair(self) -> None:
        """The parts of the periodic pass that events do not lead to."""
        now = self.given.clock()
        self._next_full = now + self.site.settings.pass_seconds
        await self.given.crew.check_health(self.given.calls)
        self.roster.save()
        self.background.start(self.warden.check_outputs(self.site.settings))
        self.background.start(self.attic.tidy(self.site, now))

    def _mind_abort(self, machine: Machine) -> None:
        if machine.outcome is not None and machine.outcome.is_abort:
            self._abort_untold = True

    def _tell_peers(self) -> None:
        """Have the peers ask soon when a machine found no work here, so that they need not find out themselves."""
        if self._abort_untold:
            self._abort_untold = False
            self.background.start(self.peers.announce())

    def _mind_clock(self) -> None:
        jumped = self._jumps.jump()
        if not jumped:
            return
        now = self.given.clock()
        _log.warning("the clock was set by %+.0f s: machines' times are moved with it", jumped)
        self._next_full = now
        self.faults.shift(jumped)
        self.peers.shift(jumped)
        self.warden.clock_was_set()
        self.watcher.usage.clock_was_set(jumped)
        self.attic.clock_was_set(now)
        self.roster.shift(jumped)
        self.given.journal.note("clock_jumped", f"{jumped:+.0f} s", now=now)

    async def _decide_and_act(self) -> None:
        site = self.site
        self.ender.machinetypes = site.machinetypes
        self.warden.enforce(site.machinetypes, self._end())
        self.ender.tend()
        looked, self._looked = self._looked, set()
        await self.decider.refresh(site, looked)
        decided, trades = await self.decider.decide(site, self.given.clock())
        for start in decided.starts:
            self._start_machine(start, trades.bindings[start.machinetype], site)
        for wish in self.warden.carry_out(decided.asks):
            self.background.start(wish)

    def _end(self) -> float | None:
        """When all machines must have ended, as the site, a command or a policy says."""
        latest = self.decider.plan
        said = (self.draining.shutdown_time(self.site.settings), None if latest is None else latest.end)
        return min((end for end in said if end is not None), default=None)

    def _start_machine(self, start: Start, binding: Binding, site: Site) -> None:
        given = self.given
        machinetype = site.machinetypes[start.machinetype]
        machine = new_machine(
            start,
            machinetype,
            site.settings,
            binding=binding,
            factory=given.name,
            slot=self.roster.free_slot(),
            now=given.clock(),
        )
        self.roster.plan(machine, start.reason)
        order = Order(
            machine=machine,
            machinetype=machinetype,
            binding=binding,
            settings=site.settings,
            host_processors=given.host.capacity(site.settings).processors,
            service_url=given.service_url(),
            fetch=given.fetch,
        )
        self.maker.in_creation.add(machine.id)
        self.background.start(self._make(order))

    async def _make(self, order: Order) -> None:
        try:
            await self.maker.make(order)
        finally:
            self.look_soon(order.binding.hypervisor.name)

    def snapshot(self) -> SpaceView:
        """What other factories are answered from: kept in memory, drawn up anew after each pass."""
        return self._view

    async def close(self) -> None:
        """Stop working; machines go on running, and the next start adopts them."""
        await self.background.close()
        await self.ender.close()
        try:
            await self.herald.close()
            self.roster.save()
        except JournalError as error:
            _log.warning("the newest figures of machines could not be kept: %s", error)
