"""Work beside the passes: none fails unseen, and none is left at the end."""

from __future__ import annotations

import asyncio
import math

import pytest

from vac_core.factory.background import Background
from vac_core.testing import run_virtual


async def fail() -> None:
    raise ValueError("no image")


def test_what_fails_is_noted_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        told: list[str | None] = []
        background = Background(lambda: told.append(background.trouble))
        background.start(fail())
        await asyncio.sleep(1)
        assert told == ["ValueError: no image"]
        await background.close()

    run_virtual(story())
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


def test_what_ends_well_or_is_cancelled_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        background = Background(lambda: pytest.fail("told of nothing"))
        background.start(asyncio.sleep(1))
        background.start(asyncio.sleep(math.inf))
        await asyncio.sleep(2)
        await background.close()
        assert background.trouble is None

    run_virtual(story())
    assert caplog.records == []


def test_closing_cancels_all_and_waits_until_they_have_put_their_things_away() -> None:
    async def story() -> None:
        put_away: list[int] = []

        async def work(number: int) -> None:
            try:
                await asyncio.sleep(math.inf)
            finally:
                await asyncio.sleep(number)
                put_away.append(number)

        background = Background(lambda: None)
        for number in (3, 1, 2):
            background.start(work(number))
        await asyncio.sleep(0)
        await background.close()
        assert put_away == [1, 2, 3]

    run_virtual(story())
