"""A network between factories, in memory, that a test can cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import attrs

from vac_core.interfaces import Home, PeerFinder, SpaceView
from vac_core.model import FactoryReport
from vac_core.testing.clock import VirtualClock


class FakeSpace:
    """All that joins the factories of a test. Make each factory's peer finder with `finder`."""

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock or VirtualClock()
        self.delay = 0.0
        """Seconds that a gather takes."""
        self.forged: dict[str, FactoryReport] = {}
        """Reports of factories that only seem to exist, by name; one of a real factory's name takes its place."""
        self._open: dict[str, FakePeerFinder] = {}
        self._known: set[str] = set()
        self._cut: set[frozenset[str]] = set()

    def finder(self) -> FakePeerFinder:
        """A peer finder for one factory of this space."""
        return FakePeerFinder(self)

    def cut(self, one: str, other: str) -> None:
        """From now on these two factories do not hear each other."""
        self._cut.add(frozenset({one, other}))

    def heal(self) -> None:
        """All hear each other again."""
        self._cut.clear()

    def join(self, factory: str, finder: FakePeerFinder) -> None:
        """Let a factory answer."""
        self._open[factory] = finder
        self._known.add(factory)

    def leave(self, factory: str) -> None:
        """A factory answers no more; others go on missing it."""
        self._open.pop(factory, None)

    def heard_by(self, factory: str) -> dict[str, FakePeerFinder]:
        """The other factories that answer this one, by name."""
        return {
            name: finder
            for name, finder in self._open.items()
            if name != factory and frozenset({name, factory}) not in self._cut
        }

    def missed_by(self, factory: str) -> list[str]:
        """The other factories that ought to answer this one and do not."""
        return sorted(self._known - set(self.heard_by(factory)) - {factory})


class FakePeerFinder(PeerFinder):
    """One factory's place in a `FakeSpace`."""

    name = "fake"

    def __init__(self, space: FakeSpace) -> None:
        self._space = space
        self._factory = ""
        self._silent: list[str] = []
        self.snapshot: Callable[[], SpaceView] | None = None
        self.changed: Callable[[], None] | None = None

    async def open(self, home: Home, snapshot: Callable[[], SpaceView], changed: Callable[[], None]) -> None:
        """Join the space."""
        self._factory, self.snapshot, self.changed = home.factory, snapshot, changed
        self._space.join(home.factory, self)

    async def gather(self) -> Iterable[FactoryReport]:
        """Hear all that can be heard."""
        await asyncio.sleep(self._space.delay)
        heard = {
            name: peer.snapshot().own
            for name, peer in self._space.heard_by(self._factory).items()
            if peer.snapshot is not None
        }
        self._silent = self._space.missed_by(self._factory)
        now = self._space.clock()
        return [attrs.evolve(report, received=now) for report in {**heard, **self._space.forged}.values()]

    async def announce(self) -> None:
        """Tell all that can hear it."""
        for peer in self._space.heard_by(self._factory).values():
            if peer.changed is not None:
                peer.changed()

    async def close(self) -> None:
        """Leave the space."""
        self._space.leave(self._factory)

    def silent(self) -> Sequence[str]:
        """Who did not answer the latest gather."""
        return list(self._silent)
