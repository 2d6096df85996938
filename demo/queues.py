"""What the virtual organisations run at their end: their task queues behind one address, and who keeps them filled."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Final

from aiohttp import web

from demo.queue_web import application
from demo.stages import Stage
from demo.story import ORGANISATIONS, Story
from demo.tasks import TaskQueue

BACKLOG: Final = 30
"""Tasks that a queue which is not dry is kept filled up to; a dry one has them for a second or two."""
_SUPPLY_SECONDS: Final = 0.2


class Queues:
    """The queues of all VOs, served on a free port of the address where machines find them."""

    def __init__(self, story: Story, stage: Stage) -> None:
        self.story = story
        self.queues = {
            one.name: TaskQueue(one.name, lease_seconds=2.0 * story.wallclock_seconds(one)) for one in ORGANISATIONS
        }
        self._socket = socket.create_server((stage.address, 0))
        self.url = f"http://{stage.address}:{self._socket.getsockname()[1]}"
        served = application(self.queues, self.url, story, stage)
        self._runner = web.AppRunner(served, access_log=None, shutdown_timeout=0.5)

    async def open(self) -> None:
        """Begin to answer."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def supply(self, begun: float) -> None:
        """Keep the queues filled, all but those whose time it is to be dry; goes on until it is cancelled.

        ``begun`` is the run's beginning by the monotonic clock.
        """
        while True:
            self.fill(time.monotonic() - begun)
            await asyncio.sleep(_SUPPLY_SECONDS)

    def fill(self, at: float) -> None:
        """Fill up the queues that are not dry at this time of the run."""
        for organisation in ORGANISATIONS:
            queue = self.queues[organisation.name]
            if not self.story.is_dry(organisation, at):
                queue.add(max(0, BACKLOG - queue.waiting))

    def shut(self) -> None:
        """Hand out no more tasks; answers to those that are out are still taken."""
        for queue in self.queues.values():
            queue.closed = True

    async def close(self) -> None:
        """Stop answering."""
        await self._runner.cleanup()
        self._socket.close()
