"""What the space's other factories say: polled, kept for a while, and contained."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import attrs
import pytest

from vac_core.factory.peers import LEAST_SECONDS_BETWEEN_POLLS, PeerKeeper
from vac_core.interfaces import Home, PeerFinder, SpaceView
from vac_core.model import FactoryReport
from vac_core.testing import VirtualClock, factory_report, run_virtual, settings

OTHER, THIRD = "wn02.example.org", "wn03.example.org"


class Finder(PeerFinder):
    """Gathers what a test says, or whatever else a plugin may do in its place."""

    def __init__(self, gather: Callable[[], Any], name: str = "scripted") -> None:
        self.name = name
        self._gather = gather
        self.gathered = 0
        self.announced = 0
        self.closed = 0
        self.missing: Any = []

    async def open(self, home: Home, snapshot: Callable[[], SpaceView], changed: Callable[[], None]) -> None:
        raise NotImplementedError

    async def gather(self) -> Iterable[FactoryReport]:
        self.gathered += 1
        got: Any = self._gather()
        reports: Iterable[FactoryReport] = await got if asyncio.iscoroutine(got) else got
        return reports

    async def announce(self) -> None:
        self.announced += 1
        await self.gather()

    async def close(self) -> None:
        self.closed += 1
        await self.gather()

    def silent(self) -> Sequence[str]:
        if isinstance(self.missing, Exception):
            raise self.missing
        return list(self.missing)


@attrs.define
class Keeping:
    """A keeper in its surroundings."""

    keeper: PeerKeeper
    clock: VirtualClock
    news: list[float]


Story = Callable[[Keeping], Coroutine[Any, Any, None]]


def tell(story: Story, *finders: Finder, **changes: Any) -> None:
    async def with_keeper() -> None:
        loop = asyncio.get_running_loop()
        clock: VirtualClock = loop.clock  # type: ignore[attr-defined]
        news: list[float] = []
        keeper = PeerKeeper(finders, lambda: settings(**changes), clock, lambda: news.append(loop.time()))
        await story(Keeping(keeper, clock, news))

    run_virtual(with_keeper())


def heard(keeping: Keeping, *names: str) -> Callable[[], list[FactoryReport]]:
    return lambda: [attrs.evolve(factory_report(name), received=keeping.clock()) for name in names]


def names(keeping: Keeping) -> list[str]:
    return sorted(report.factory for report in keeping.keeper.reports(keeping.clock()))


def never() -> Coroutine[Any, Any, None]:
    return asyncio.sleep(math.inf)


def raising(error: Exception) -> Callable[[], Any]:
    def gather() -> None:
        raise error

    return gather


async def poll_for(keeping: Keeping, seconds: float) -> None:
    task = asyncio.create_task(keeping.keeper.run())
    await asyncio.sleep(seconds)
    assert not task.done()
    task.cancel()


def test_reports_of_all_finders_are_kept_together() -> None:
    one, two = Finder(list, "one"), Finder(list, "two")

    async def story(keeping: Keeping) -> None:
        one._gather, two._gather = heard(keeping, OTHER), heard(keeping, THIRD)
        await keeping.keeper.poll()
        assert names(keeping) == [OTHER, THIRD]
        assert keeping.keeper.polled == keeping.clock()
        assert len(keeping.news) == 1

    tell(story, one, two)


def test_a_factory_that_falls_silent_is_believed_for_a_while_and_then_no_more() -> None:
    finder = Finder(list)

    async def story(keeping: Keeping) -> None:
        finder._gather = heard(keeping, OTHER)
        await keeping.keeper.poll()
        finder._gather, finder.missing = list, [OTHER]
        await asyncio.sleep(25)
        await keeping.keeper.poll()
        assert names(keeping) == [OTHER]
        assert keeping.keeper.silent() == [OTHER]
        await asyncio.sleep(0.01)
        assert names(keeping) == []

    tell(story, finder, poll_seconds=10)


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_clock_that_is_set_makes_no_report_older_or_newer(jump: float) -> None:
    finder = Finder(list)

    async def story(keeping: Keeping) -> None:
        finder._gather = heard(keeping, OTHER)
        await keeping.keeper.poll()
        keeping.clock.jump(jump)
        keeping.keeper.shift(jump)
        assert names(keeping) == [OTHER]
        await asyncio.sleep(26)
        assert names(keeping) == []

    tell(story, finder, poll_seconds=10)


def test_peers_are_polled_at_the_sites_interval() -> None:
    finder = Finder(list)

    async def story(keeping: Keeping) -> None:
        await poll_for(keeping, 95)
        assert keeping.news == [0.0, 30.0, 60.0, 90.0]

    tell(story, finder, poll_seconds=30)


def test_a_hint_makes_the_next_poll_come_soon_and_a_flood_of_them_no_sooner() -> None:
    finder = Finder(list)

    async def story(keeping: Keeping) -> None:
        task = asyncio.create_task(keeping.keeper.run())
        await asyncio.sleep(10)
        keeping.keeper.hint()
        await asyncio.sleep(0)
        for _ in range(100):
            keeping.keeper.hint()
            await asyncio.sleep(0.125)  # exact in binary, so that sums of it are
        task.cancel()
        pauses = [later - sooner for sooner, later in zip(keeping.news, keeping.news[1:], strict=False)]
        assert keeping.news[1] == 10.0
        assert len(pauses) > 5
        assert min(pauses) >= LEAST_SECONDS_BETWEEN_POLLS

    tell(story, finder, poll_seconds=3600)


@pytest.mark.parametrize(
    ("gather", "trouble"),
    [
        (raising(OSError("no route to host")), "OSError: no route to host"),
        (raising(KeyError("factory")), "KeyError: 'factory'"),
        (lambda: None, "TypeError: 'NoneType' object is not iterable"),
        (lambda: ["wn02"], "TypeError: it gathered str, not FactoryReport"),
        (never, "TimeoutError"),
    ],
    ids=["raises", "raises-oddly", "none", "strings", "hangs"],
)
def test_a_finder_that_fails_keeps_no_other_from_being_heard(gather: Callable[[], Any], trouble: str) -> None:
    bad, good = Finder(gather, "bad"), Finder(list, "good")

    async def story(keeping: Keeping) -> None:
        good._gather = heard(keeping, OTHER)
        task = asyncio.create_task(keeping.keeper.run())
        async with asyncio.timeout(60):
            await keeping.keeper.first_view()
        assert names(keeping) == [OTHER]
        assert keeping.keeper.troubles == {"bad": trouble}
        await asyncio.sleep(100)
        assert bad.gathered > 1
        bad._gather = list
        await asyncio.sleep(100)
        assert keeping.keeper.troubles == {}
        task.cancel()

    tell(story, bad, good, poll_seconds=10)


def test_the_first_view_is_there_after_the_first_poll_alone() -> None:
    finder = Finder(lambda: _late([]))

    async def story(keeping: Keeping) -> None:
        task = asyncio.create_task(keeping.keeper.run())
        assert keeping.keeper.polled is None
        await keeping.keeper.first_view()
        assert asyncio.get_running_loop().time() == 3.0
        task.cancel()

    tell(story, finder)


async def _late(reports: list[FactoryReport]) -> list[FactoryReport]:
    await asyncio.sleep(3)
    return reports


def test_a_finder_that_cannot_say_who_is_silent_is_in_trouble_and_asked_again() -> None:
    finder = Finder(list)

    async def story(keeping: Keeping) -> None:
        finder.missing = RuntimeError("forgot")
        await keeping.keeper.poll()
        assert keeping.keeper.silent() == []
        assert keeping.keeper.troubles == {"scripted": "RuntimeError: forgot"}
        finder.missing = [THIRD, OTHER]
        await keeping.keeper.poll()
        assert keeping.keeper.silent() == [OTHER, THIRD]
        assert keeping.keeper.troubles == {}

    tell(story, finder)


@pytest.mark.parametrize("gather", [raising(OSError("no route")), never], ids=["raises", "hangs"])
def test_every_finder_announces_whatever_another_does(gather: Callable[[], Any]) -> None:
    bad, good = Finder(gather, "bad"), Finder(list, "good")

    async def story(keeping: Keeping) -> None:
        async with asyncio.timeout(60):
            await keeping.keeper.announce()
        assert (bad.announced, good.announced) == (1, 1)

    tell(story, bad, good)


@pytest.mark.parametrize("gather", [raising(OSError("no route")), never], ids=["raises", "hangs"])
def test_every_finder_is_closed_whatever_another_does(
    gather: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Finder(gather, "bad"), Finder(list, "good")

    async def story(keeping: Keeping) -> None:
        async with asyncio.timeout(60):
            await keeping.keeper.close()
        assert (bad.closed, good.closed) == (1, 1)

    tell(story, bad, good)
    (record,) = caplog.records
    assert record.getMessage().startswith("peer finder bad could not be closed: ")
