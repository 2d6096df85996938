"""What is left of ended machines is kept for as long as the site says, and no longer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from workshop import Workshop, tell

from vac_core.config.schema import Site
from vac_core.factory.attic import TIDIED_SECONDS, Attic
from vac_core.model import MachineState
from vac_core.testing import Life, machinetype, settings

DAY = 86400.0
SHORT = Life(ends_after=10.0)


def site(*, journal_days: int = 400, **days: float) -> Site:
    types = {name: machinetype(name, machines_dir_days=kept) for name, kept in days.items()}
    return Site(settings=settings(journal_days=journal_days), machinetypes=types)


def attic(shop: Workshop) -> Attic:
    return Attic(shop.state, shop.journal, shop.roster, shop.calls)


async def ended(shop: Workshop, slot: int, machinetype_name: str = "lhcb") -> Path:
    """The directory of a machine that has lived, ended and been cleared away."""
    one = await shop.make(slot, machinetype=machinetype_name)
    await asyncio.sleep(11)
    await shop.look()
    await asyncio.sleep(1)
    assert shop.now(one).state is MachineState.CLEARED
    assert shop.directory(one).is_dir()
    return shop.directory(one)


def test_outputs_are_kept_for_their_types_days(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        long, short, gone = [await ended(shop, slot, name) for slot, name in enumerate(("lhcb", "atlas", "of-no-site"))]
        keeper, now = attic(shop), site(lhcb=5.0, atlas=0.5)
        await keeper.tidy(now, shop.clock())
        assert long.is_dir()
        assert short.is_dir()
        await asyncio.sleep(DAY)
        await keeper.tidy(now, shop.clock())
        assert (long.is_dir(), short.is_dir(), gone.is_dir()) == (True, False, True)
        await asyncio.sleep(2.5 * DAY)
        await keeper.tidy(now, shop.clock())
        assert (long.is_dir(), gone.is_dir()) == (True, False), "as the default says, for a type that is no more"
        await asyncio.sleep(2 * DAY)
        await keeper.tidy(now, shop.clock())
        assert not long.is_dir()

    tell(story, tmp_path, SHORT)


def test_no_days_at_all_deletes_at_the_next_tidying(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        outputs = await ended(shop, 0)
        await attic(shop).tidy(site(lhcb=0.0), shop.clock())
        assert not outputs.exists()

    tell(story, tmp_path, SHORT)


def test_what_is_alive_or_not_yet_cleared_is_never_touched(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        running, planned = await shop.make(0), shop.plan(1)
        shop.directory(planned).mkdir()
        await asyncio.sleep(500 * DAY)
        await attic(shop).tidy(site(lhcb=0.0, journal_days=1), shop.clock())
        assert shop.directory(running).is_dir()
        assert shop.directory(planned).is_dir()
        assert {one.id for one in shop.journal.unfinished()} == {running.id, planned.id}

    tell(story, tmp_path)


def test_what_no_record_tells_of_is_deleted_and_a_plain_file_does_no_harm(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        (shop.state.machines / "unknown" / "joboutputs").mkdir(parents=True)
        (shop.state.machines / "README").touch()
        await attic(shop).tidy(site(), shop.clock())
        assert not (shop.state.machines / "unknown").exists()

    tell(story, tmp_path)


def test_a_link_among_the_machines_is_not_followed(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "file").touch()
        (shop.state.machines / "link").symlink_to(outside, target_is_directory=True)
        await attic(shop).tidy(site(), shop.clock())
        assert (outside / "file").exists()

    tell(story, tmp_path)


def test_records_are_dropped_after_their_days_and_not_before(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        await ended(shop, 0)
        keeper = attic(shop)
        await asyncio.sleep(9 * DAY)
        await keeper.tidy(site(journal_days=10), shop.clock())
        assert len(shop.journal.events_after(0)) == 5
        await asyncio.sleep(2 * DAY)
        await keeper.tidy(site(journal_days=10), shop.clock())
        assert shop.journal.events_after(0) == []
        assert shop.journal.last_in_slots() == []

    tell(story, tmp_path, SHORT)


def test_it_tidies_about_once_an_hour(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        keeper = attic(shop)
        await keeper.tidy(site(), shop.clock())
        junk = shop.state.machines / "junk"
        junk.mkdir()
        await asyncio.sleep(TIDIED_SECONDS - 1)
        await keeper.tidy(site(), shop.clock())
        assert junk.exists()
        await asyncio.sleep(1)
        await keeper.tidy(site(), shop.clock())
        assert not junk.exists()

    tell(story, tmp_path)


def test_a_clock_that_is_set_puts_the_next_tidying_off_by_an_hour(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        keeper, junk = attic(shop), shop.state.machines / "junk"
        await keeper.tidy(site(), shop.clock())
        junk.mkdir()
        for jump in (-1e6, 1e8):
            shop.clock.jump(jump)
            keeper.clock_was_set(shop.clock())
            await asyncio.sleep(TIDIED_SECONDS - 1)
            await keeper.tidy(site(), shop.clock())
            assert junk.exists()
        await asyncio.sleep(1)
        await keeper.tidy(site(), shop.clock())
        assert not junk.exists()

    tell(story, tmp_path)
