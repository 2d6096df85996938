"""What the demo sees of a factory while its daemon comes and goes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from demo.daemons import Daemon
from demo.site import Place, places


class ClosingSlowly:
    """A session that is closed before its closing is over, as aiohttp's is."""

    closed = False

    def request(self, *_words: Any, **_more: Any) -> Any:
        raise RuntimeError("Session is closed" if self.closed else "nobody should ask")

    async def close(self) -> None:
        self.closed = True
        await asyncio.sleep(0)


def test_who_looks_while_a_daemon_is_killed_finds_that_it_does_not_answer(tmp_path: Path) -> None:
    async def story() -> None:
        place: Place = next(iter(places(tmp_path)))
        daemon = Daemon(place, tmp_path / "site.conf", tmp_path)
        daemon._session = ClosingSlowly()  # type: ignore[assignment] - all that is used of a session
        _, seen = await asyncio.gather(daemon.kill(), daemon.status())
        assert seen is None
        await daemon.end()

    asyncio.run(story())
