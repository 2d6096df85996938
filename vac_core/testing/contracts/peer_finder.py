"""What every peer finder keeps."""
# ruff: noqa: D102 - the names of the tests say what is kept

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from vac_core.interfaces import Home, PeerFinder, SpaceView
from vac_core.model import FactoryReport, Health, Outcome, TypeReport
from vac_core.testing.makers import NOW, space_view

ONE, OTHER = "wn01.example.org", "wn02.example.org"


@attrs.define
class Side:
    """One of two factories, with what it shows and what it has been told."""

    finder: PeerFinder
    home: Home
    view: SpaceView
    changed: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def open(self) -> None:
        """Let it answer."""
        await self.finder.open(self.home, lambda: self.view, self.changed.set)

    async def hears(self) -> dict[str, FactoryReport]:
        """What it gathers, by factory."""
        return {report.factory: report for report in await self.finder.gather()}


class PeerFinderContract:
    """Subclass it, and give it a fixture ``pair`` of two finders that find each other."""

    announces: ClassVar[bool] = True
    """Whether an announcement reaches the others before they gather again."""
    patience_seconds: ClassVar[float] = 60.0
    """How long a gather or an announcement may take."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> tuple[tuple[PeerFinder, Home], tuple[PeerFinder, Home]]:
        """Two finders of one space, not opened, with the homes of ``wn01.example.org`` and ``wn02.example.org``."""
        raise NotImplementedError("give the contract a fixture named pair")

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Run a test's story; override it for virtual time."""
        asyncio.run(story)

    @contextlib.asynccontextmanager
    async def opened(self, pair: Any) -> AsyncIterator[tuple[Side, Side]]:
        """Both, open, with something to show; closed in the end."""
        done = TypeReport(
            machinetype="lhcb",
            running_hs06=16.0,
            running_machines=2,
            running_processors=2,
            outcome=Outcome(300, "No more work"),
            shutdown_time=NOW - 60,
            shutdown_machine="wn02-00.example.org",
        )
        (one, one_home), (other, other_home) = pair
        sides = Side(one, one_home, space_view(ONE, lhcb=8.0)), Side(other, other_home, space_view(OTHER, lhcb=done))
        for side in sides:
            await side.open()
        try:
            yield sides
        finally:
            for side in sides:
                await side.finder.close()

    def tell(self, pair: Any, story: Callable[[Side, Side], Awaitable[None]]) -> None:
        """Run a story of two open sides within the time allowed."""

        async def whole() -> None:
            async with self.opened(pair) as (one, other), asyncio.timeout(self.patience_seconds):
                await story(one, other)

        self.run(whole())

    def test_it_has_a_name_and_speaks_of_its_health(self, pair: Any) -> None:
        async def story(one: Side, _other: Side) -> None:
            assert one.finder.name
            assert isinstance(one.finder.health(), Health)

        self.tell(pair, story)

    def test_each_hears_the_other_and_not_itself(self, pair: Any) -> None:
        async def story(one: Side, other: Side) -> None:
            assert set(await one.hears()) == {OTHER}
            assert set(await other.hears()) == {ONE}
            assert list(one.finder.silent()) == []

        self.tell(pair, story)

    def test_what_is_heard_is_what_the_other_shows(self, pair: Any) -> None:
        async def story(one: Side, other: Side) -> None:
            heard, shown = (await one.hears())[OTHER].types["lhcb"], other.view.own.types["lhcb"]
            for field in ("running_hs06", "running_machines", "num_before_fizzle", "outcome", "shutdown_time"):
                assert getattr(heard, field) == getattr(shown, field), field

        self.tell(pair, story)

    def test_it_hears_what_is_so_now(self, pair: Any) -> None:
        async def story(one: Side, other: Side) -> None:
            await one.hears()
            other.view = space_view(OTHER, lhcb=24.0)
            assert (await one.hears())[OTHER].types["lhcb"].running_hs06 == 24.0

        self.tell(pair, story)

    def test_a_factory_that_runs_nothing_is_no_trouble(self, pair: Any) -> None:
        async def story(one: Side, other: Side) -> None:
            other.view = space_view(OTHER)
            heard = await one.hears()
            assert all(report.types == {} for report in heard.values())

        self.tell(pair, story)

    def test_a_peer_that_is_gone_is_named_as_silent(self, pair: Any) -> None:
        async def story(one: Side, other: Side) -> None:
            await one.hears()
            await other.finder.close()
            assert await one.hears() == {}
            assert list(one.finder.silent()) == [OTHER]

        self.tell(pair, story)

    def test_a_peer_that_comes_back_is_heard_again(self, pair: Any) -> None:
        async def story(one: Side, other: Side) -> None:
            await other.finder.close()
            await one.hears()
            await other.open()
            assert set(await one.hears()) == {OTHER}
            assert list(one.finder.silent()) == []

        self.tell(pair, story)

    def test_an_announcement_reaches_the_other(self, pair: Any) -> None:
        if not self.announces:
            pytest.skip("this peer finder leaves news to the next gather")

        async def story(one: Side, other: Side) -> None:
            await one.finder.announce()
            await other.changed.wait()
            assert not one.changed.is_set()

        self.tell(pair, story)

    def test_an_announcement_that_nobody_hears_is_no_error(self, pair: Any) -> None:
        async def story(one: Side, other: Side) -> None:
            await other.finder.close()
            await one.finder.announce()

        self.tell(pair, story)

    def test_closing_again_is_no_error(self, pair: Any) -> None:
        async def story(one: Side, _other: Side) -> None:
            await one.finder.close()
            await one.finder.close()

        self.tell(pair, story)
