"""A whole space in one process on virtual time: real factories, with fakes where the world would be.

Hours pass in milliseconds, and the same lives give the same run each time::

    def test_an_empty_factory_fills(space):  # the fixture of `vac_core.testing.fixtures`
        async def story():
            async with space([machinetype("lhcb")], {"wn01.example.org": 8}) as vac:
                await vac.pass_time(3600)
                assert vac.running("lhcb") == 8

        run_virtual(story())
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs

from vac_core.config.schema import MachineType, Settings, Site
from vac_core.factory.bell import Bell, machines_cpu_seconds
from vac_core.factory.calls import ThreadCalls
from vac_core.factory.crew import Crew, muster
from vac_core.factory.factory import Factory
from vac_core.factory.journal import Journal, JournalError
from vac_core.factory.site_source import FixedSite
from vac_core.factory.state_dir import StateDir
from vac_core.factory.surroundings import Surroundings
from vac_core.factory.trades import Trades
from vac_core.interfaces import Contextualiser, CreateRequest, Home, Policy
from vac_core.model import Capacity, Machine
from vac_core.plugins import Registry, load_plugins
from vac_core.testing.clock import VirtualClock
from vac_core.testing.contextualiser import FakeContextualiser
from vac_core.testing.host import FakeHost, Life
from vac_core.testing.hypervisor import FakeHypervisor
from vac_core.testing.loop import VirtualTimeLoop
from vac_core.testing.makers import settings as make_settings
from vac_core.testing.observer import FakeObserver
from vac_core.testing.peers import FakePeerFinder, FakeSpace

_GIB: Final = 2**30


@attrs.define
class FakeFigures:
    """A host's figures as a test sets them."""

    host_name: str
    processors: int
    load_averages: tuple[float, float, float] = (0.0, 0.0, 0.0)
    disk_free_bytes: int = 1000 * _GIB

    def name(self) -> str:
        """The host's name."""
        return self.host_name

    def capacity(self, settings: Settings) -> Capacity:
        """What a decision sees."""
        return Capacity(
            processors=settings.total_processors or self.processors,
            memory_bytes=self.processors * 4 * _GIB,
            load_averages=self.load_averages,
            disk_free_bytes=self.disk_free_bytes,
        )

    def figures(self) -> Mapping[str, Any]:
        """What peers are told besides."""
        return {"load_average": self.load_averages[2]}


class VirtualFactory:
    """One factory of a virtual space; its host, and its machines, outlive its daemon."""

    def __init__(self, space: VirtualSpace, name: str, processors: int, directory: Path) -> None:
        self._space = space
        self.name = name
        self.state = StateDir(directory)
        self.host = FakeHost(space.clock)
        self.host.lives = space.lives
        self.figures = FakeFigures(name, processors)
        self.source = FixedSite(space.site, space.clock())
        self.observer = FakeObserver()
        self.registry = Registry()
        self._daemon: Factory | None = None
        self._work: asyncio.Task[None] | None = None

    @property
    def daemon(self) -> Factory:
        """The factory itself, while its daemon runs."""
        if self._daemon is None:
            raise RuntimeError(f"the daemon of {self.name} is not running")
        return self._daemon

    @property
    def is_running(self) -> bool:
        """Whether its daemon runs."""
        return self._daemon is not None

    @property
    def alive(self) -> tuple[Machine, ...]:
        """Its machines that hold a slot."""
        return self.daemon.roster.alive

    @property
    def trades(self) -> Trades:
        """Which machinetypes it can make now, and why not the others."""
        return self.daemon.decider.trades(self.daemon.site, self._space.clock())

    async def start(self, open_journal: Callable[[Path], Journal] = Journal) -> None:
        """Start the daemon."""
        self.state.prepare()
        finder = self._space.peers.finder()
        self.registry = self._with_fakes(load_plugins(), finder)
        crew = muster(self.registry, self.source.site.settings)
        calls, bell = ThreadCalls(), Bell(asyncio.get_running_loop())
        home = self._home(crew, bell)
        await crew.start(home, self.state, self.registry, calls)
        self._daemon = Factory(self._surroundings(crew, calls, open_journal(self.state.journal)))
        bell.heard = self._daemon.wake
        await finder.open(home, self._daemon.snapshot, self._daemon.peers.hint)
        await self._daemon.start()
        self._work = asyncio.create_task(self._daemon.run())

    def _home(self, crew: Crew, bell: Bell) -> Home:
        return Home(
            state_dir=self.state.path,
            machines_dir=self.state.machines,
            factory=self.name,
            space=self.source.site.settings.vac_space,
            settings=lambda: self.source.site.settings,
            options=lambda: self.source.site.plugin_options,
            wake=bell.ring,
            cpu_seconds=lambda: machines_cpu_seconds(crew.in_use),
        )

    def _surroundings(self, crew: Crew, calls: ThreadCalls, journal: Journal) -> Surroundings:
        return Surroundings(
            name=self.name,
            state=self.state,
            journal=journal,
            source=self.source,
            crew=crew,
            host=self.figures,
            calls=calls,
            clock=self._space.clock,
            random=random.Random(f"{self._space.seed} {self.name}"),
            fetch=lambda _url, _settings: b"",
            service_url=lambda: "",
        )

    def _with_fakes(self, registry: Registry, finder: FakePeerFinder) -> Registry:
        """The installed policies, and fakes for all that touches the world."""
        return attrs.evolve(
            registry,
            hypervisors={"fake": FakeHypervisor(self.host)},
            contextualisers={"user_data": self._space.contextualiser},
            peer_finders={"fake": finder},
            observers={self.observer.name: self.observer},
            policies={**registry.policies, **self._space.policies},
        )

    async def stop(self) -> None:
        """Stop the daemon as a signal would; its machines go on."""
        daemon = self.daemon
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        for finder in daemon.given.crew.peer_finders:
            await finder.close()
        with contextlib.suppress(JournalError):  # a test may have taken the journal away
            await daemon.close()
        daemon.given.journal.close()
        self._daemon = None

    async def restart(self) -> None:
        """Stop the daemon and start another on the same state and the same host."""
        await self.stop()
        await self.start()

    def change_site(self, **changes: Any) -> None:
        """Give it another site: ``settings=`` or ``machinetypes=``; it is noticed as a changed file would be."""
        self.source.site = attrs.evolve(self.source.site, **changes)


class VirtualSpace:
    """Factories that share machinetypes; use it as an async context manager within `run_virtual`."""

    def __init__(
        self,
        directory: Path,
        machinetypes: Iterable[MachineType],
        factories: Mapping[str, int],
        *,
        lives: Callable[[CreateRequest], Life] = lambda _request: Life(),
        seed: int = 0,
        policies_used: Mapping[str, Policy] | None = None,
        contextualiser: Contextualiser | None = None,
        **settings: Any,
    ) -> None:
        self._directory = directory
        self._processors = factories
        self.lives = lives
        self.seed = seed
        self.policies = dict(policies_used or {})
        self.contextualiser = contextualiser or FakeContextualiser()
        self.site = Site(
            settings=make_settings(**{"peer_finders": ("fake",), **settings}),
            machinetypes={one.name: one for one in machinetypes},
        )
        self.factories: dict[str, VirtualFactory] = {}

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualTimeLoop):
            raise TypeError("a VirtualSpace lives on virtual time: run the story with run_virtual")
        self.clock: VirtualClock = loop.clock
        self.peers = FakeSpace(self.clock)
        for name, processors in self._processors.items():
            self.factories[name] = VirtualFactory(self, name, processors, self._directory / name)
        for factory in self.factories.values():
            await factory.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for factory in self.factories.values():
            if factory.is_running:
                await factory.stop()

    @property
    def only(self) -> VirtualFactory:
        """The factory of a space of one."""
        (factory,) = self.factories.values()
        return factory

    async def pass_time(self, seconds: float) -> None:
        """Let everything go on for so long."""
        await asyncio.sleep(seconds)

    def running(self, machinetype: str) -> int:
        """Processors that machines of one type hold in the whole space."""
        return sum(
            machine.processors
            for factory in self.factories.values()
            for machine in factory.alive
            if machine.machinetype == machinetype
        )
