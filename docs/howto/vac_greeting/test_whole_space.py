"""A whole factory with the machines' lives written down."""

from vac_core.testing import Life, machinetype, run_virtual
from vac_core.testing.fixtures import space

__all__ = ["space"]


def test_freed_slots_are_filled_again(space):
    lives = Life(ends_after=600.0, message=b"200 Success")

    async def story():
        async with space([machinetype("hello")], {"wn01.example.org": 8}, lives=lambda _: lives) as vac:
            await vac.pass_time(3600)
            assert vac.running("hello") == 8

    run_virtual(story())
