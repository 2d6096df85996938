"""The parts of a factory that make, watch and end machines, put together on virtual time without the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import attrs

from vac_core.config.schema import MachineType, Settings
from vac_core.factory.binding import Binding
from vac_core.factory.calls import ThreadCalls
from vac_core.factory.ender import Ender
from vac_core.factory.faults import Faults
from vac_core.factory.journal import Journal
from vac_core.factory.maker import Maker, Order
from vac_core.factory.roster import Roster
from vac_core.factory.state_dir import StateDir
from vac_core.factory.warden import Warden
from vac_core.factory.watcher import Watcher
from vac_core.interfaces import CreateRequest, Hypervisor
from vac_core.model import Machine, MachineState
from vac_core.testing import (
    FakeContextualiser,
    FakeHost,
    FakeHypervisor,
    Life,
    VirtualTimeLoop,
    home,
    machine,
    machinetype,
    run_virtual,
    settings,
)

SERVICE = "http://192.0.2.1:8080"
LHCB = machinetype("lhcb", grace_seconds=30)


class Workshop:
    """A journal, a host and those who work on both."""

    def __init__(self, directory: Path, life: Life, hypervisor: Callable[[FakeHost], Hypervisor]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.clock = loop.clock
        self.host = FakeHost(self.clock)
        self.lives: dict[str, Life] = {}
        self.host.lives = lambda request: self.lives.get(request.machine.id, life)
        self.hypervisor = hypervisor(self.host)
        self.contextualiser = FakeContextualiser()
        self.state = StateDir(directory)
        self.state.prepare()
        self.hypervisor.start(attrs.evolve(home(directory / "home"), machines_dir=self.state.machines))
        self.journal = Journal(self.state.journal)
        self.calls = ThreadCalls()
        self.faults = Faults()
        hypervisors: Mapping[str, Hypervisor] = {self.hypervisor.name: self.hypervisor}
        self.roster = Roster(self.journal, self.clock)
        self.maker = Maker(self.state, self.roster, self.faults, self.calls, self.clock)
        self.ender = Ender(self.state, self.roster, hypervisors, self.calls, self.clock)
        self.ender.machinetypes = {"lhcb": LHCB}
        self.watcher = Watcher(hypervisors, self.roster, self.ender, self.calls, self.clock)
        self.warden = Warden(self.state, self.roster, self.ender, hypervisors, self.calls, self.clock)

    def plan(self, slot: int = 0, **changes: Any) -> Machine:
        """Journal the intent to make a machine."""
        now = self.clock()
        times = {"created": now, "shutdown_time": now + 86400.0}
        return self.roster.plan(machine(slot, state=MachineState.PLANNED, **{**times, **changes}), "for the test")

    def order(self, one: Machine, of: MachineType = LHCB, given: Settings | None = None, **changes: Any) -> Order:
        """An order for a planned machine."""
        usual: dict[str, Any] = {
            "machine": one,
            "machinetype": of,
            "binding": Binding(self.hypervisor, self.contextualiser),
            "settings": given or settings(hs06_per_processor=12.5),
            "host_processors": 4,
            "service_url": SERVICE,
            "fetch": lambda url, _settings: url.encode(),
        }
        return Order(**{**usual, **changes})

    async def make(self, slot: int = 0, **changes: Any) -> Machine:
        """Make a machine and look, so that it runs if its life says so."""
        one = self.plan(slot, **changes)
        await self.maker.make(self.order(one))
        await self.look()
        return self.now(one)

    async def look(self) -> None:
        """Look at the host."""
        await self.watcher.look(self.hypervisor, self.maker.in_creation)

    def now(self, one: Machine) -> Machine:
        """A machine as it is now, also when it is cleared away."""
        found = self.roster.get(one.id) or self.journal.find(one.id)
        assert found is not None
        return found

    def directory(self, one: Machine) -> Path:
        """A machine's directory."""
        return self.state.machine(one.id)

    def happened(self, one: Machine) -> list[str]:
        """What the journal says happened to a machine, in order."""
        events = self.journal.events_after(0, 10000)
        return [event.what for event in events if event.machine is not None and event.machine.id == one.id]


Story = Callable[[Workshop], Coroutine[Any, Any, None]]


def tell(
    story: Story,
    directory: Path,
    life: Life | None = None,
    hypervisor: Callable[[FakeHost], Hypervisor] = FakeHypervisor,
) -> None:
    """Run a story in a workshop of its own."""

    async def with_workshop() -> None:
        shop = Workshop(directory, life or Life(), hypervisor)
        try:
            await story(shop)
        finally:
            shop.journal.close()

    run_virtual(with_workshop())


class Odd(FakeHypervisor):
    """A hypervisor that answers what a test says in place of what it should."""

    def __init__(self, host: FakeHost) -> None:
        super().__init__(host)
        self.listed: Callable[[], Any] | None = None
        self.created: Callable[[CreateRequest], Any] | None = None
        self.asked: list[CreateRequest] = []
        self.served = False

    def features_for(self, machine: object, directory: Path) -> Any:
        return None if self.served else super().features_for(machine, directory)

    def list_machines(self) -> Any:
        return super().list_machines() if self.listed is None else self.listed()

    def create(self, request: CreateRequest) -> Any:
        self.asked.append(request)
        return super().create(request) if self.created is None else self.created(request)
