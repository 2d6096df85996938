"""Following a site while the factory works: every change is told, and no reading that fails or hangs does harm."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from vac_core.config.schema import Site
from vac_core.factory.calls import ThreadCalls
from vac_core.factory.lasting import READ_ONCE, wants_restart
from vac_core.factory.site_follower import DEADLINE_SECONDS, LOOKED_AT_SECONDS, SiteFollower
from vac_core.factory.site_source import FixedSite
from vac_core.testing import VirtualClock, run_virtual, settings


def follower(source: Any, clock: VirtualClock, changed: Callable[[], None] = lambda: None) -> SiteFollower:
    return SiteFollower(source, ThreadCalls(), clock, changed)


def test_the_follower_tells_of_each_change_and_of_no_other() -> None:
    clock = VirtualClock()

    async def story() -> None:
        source, told = FixedSite(Site(settings=settings())), []
        following = asyncio.create_task(follower(source, clock, lambda: told.append(clock())).run())
        await asyncio.sleep(10)
        assert told == []
        source.site = Site(settings=settings(draining=True))
        await asyncio.sleep(LOOKED_AT_SECONDS)
        assert len(told) == 1
        following.cancel()

    run_virtual(story(), clock)


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("odd"), RecursionError()])
def test_a_reading_that_fails_is_a_trouble_until_one_succeeds(error: Exception) -> None:
    class Failing(FixedSite):
        def refresh(self, now: float, *, force: bool = False) -> bool:
            raise error

    clock = VirtualClock()

    async def story() -> None:
        source: Any = Failing(Site(settings=settings()))
        following = follower(source, clock)
        await following.refresh()
        assert following.troubles.keys() == {"site"}
        source.refresh = lambda now, force: False
        await following.refresh()
        assert following.troubles == {}

    run_virtual(story(), clock)


def test_a_reading_that_hangs_is_given_up_and_does_not_pile_up() -> None:
    class Hanging(FixedSite):
        begun = 0

        def refresh(self, now: float, *, force: bool = False) -> bool:
            self.begun += 1
            clock.sleep(math.inf)
            return False

    clock = VirtualClock()

    async def story() -> None:
        source = Hanging(Site(settings=settings()))
        one = follower(source, clock)
        following = asyncio.create_task(one.run())
        await asyncio.sleep(DEADLINE_SECONDS + 100)
        assert source.begun == 1
        assert "has not returned" in one.troubles["site"]
        following.cancel()

    run_virtual(story(), clock)


def test_two_readings_never_overlap() -> None:
    class Slow(FixedSite):
        under_way = most = 0

        def refresh(self, now: float, *, force: bool = False) -> bool:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            clock.sleep(5)
            self.under_way -= 1
            return False

    clock = VirtualClock()

    async def story() -> None:
        source = Slow(Site(settings=settings()))
        one = follower(source, clock)
        await asyncio.gather(*(one.refresh(force=True) for _ in range(4)))
        assert source.most == 1
        assert clock.monotonic() == 20.0

    run_virtual(story(), clock)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("vac_space", "vac02.example.org"),
        ("factory_name", "wn09.example.org"),
        ("policies", ("vac3",)),
        ("peer_finders", ()),
        ("block_plugins", ("docker",)),
        ("http_address", "192.0.2.1"),
        ("http_port", 8080),
    ],
)
def test_options_that_are_read_once_ask_for_a_restart_until_they_are_taken_back(option: str, value: object) -> None:
    clock = VirtualClock()

    async def story() -> None:
        source = FixedSite(Site(settings=settings()))
        one = follower(source, clock)
        source.site = Site(settings=settings(**{option: value}))
        await one.refresh()
        assert one.troubles["restart"].startswith(f"[settings] {option}: changed since this daemon started: restart")
        source.site = Site(settings=settings())
        await one.refresh()
        assert one.troubles == {}

    run_virtual(story(), clock)


def test_all_options_that_are_read_once_are_known_and_the_others_ask_for_nothing() -> None:
    assert set(READ_ONCE) <= {field.name for field in attrs.fields(type(settings()))}
    assert wants_restart(settings(), settings(draining=True, poll_seconds=5, total_processors=3)) is None
    both = wants_restart(settings(), settings(http_port=1, policies=()))
    assert both is not None
    assert both.startswith("[settings] policies, http_port: ")
