"""One run of the demo: factories and queues at work, the story told on them, and everything ended afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import attrs

from demo.daemons import Daemon, DaemonError
from demo.queues import Queues
from demo.site import places, write_site
from demo.stages import Stage
from demo.story import KILLED, Story

_LOOK_SECONDS: Final = 0.5
_CLOSING_SECONDS: Final = 4.0


@attrs.frozen
class Note:
    """Something that happened, and when in the run."""

    at: float
    text: str


@attrs.frozen(kw_only=True)
class Look:
    """The space at one moment: what each factory that answers says of itself, and the queues' backlogs."""

    at: float
    frames: tuple[Mapping[str, Any], ...]
    backlogs: Mapping[str, int]


@attrs.define
class Adoption:
    """What became of the machines of the factory that was killed."""

    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    survived_unwatched: int = 0
    """Machines that ran on while no daemon looked after them."""


class Run:
    """One run, from the first daemon's start to the last process's end."""

    def __init__(self, story: Story, root: Path, logs: Path, show: Callable[[Run], None], stage: Stage) -> None:
        self.story = story
        self.root = root
        self.stage = stage
        self.queues = Queues(story, stage)
        self.notes: list[Note] = []
        self.looks: list[Look] = []
        self.adoption = Adoption()
        self.begun_unix = 0.0
        self._begun = 0.0
        self._show = show
        site = write_site(root, self.queues.url, story, stage)
        self.daemons = {place.name: Daemon(place, site, logs) for place in places(root)}

    @property
    def at(self) -> float:
        """Seconds since all factories were up."""
        return time.monotonic() - self._begun if self._begun else 0.0

    def note(self, text: str) -> None:
        """Keep something that happened, for the view and the results."""
        self.notes.append(Note(self.at, text))

    async def play(self) -> None:
        """Start everything and tell the story; raises `demo.daemons.DaemonError`."""
        await self.queues.open()
        self.queues.fill(0.0)
        await asyncio.gather(*(daemon.start() for daemon in self.daemons.values()))
        self._begun, self.begun_unix = time.monotonic(), time.time()
        self.note(f"{len(self.daemons)} factories are up")
        try:
            async with asyncio.TaskGroup() as keepers:  # one that fails ends the run, and is told of
                kept = [keepers.create_task(work) for work in (self.queues.supply(self._begun), self._watch())]
                await self._tell_story()
                for task in kept:
                    task.cancel()
        except* DaemonError as failures:
            raise failures.exceptions[0] from None
        await self.look()

    async def _tell_story(self) -> None:
        try:
            async with asyncio.TaskGroup() as tellers:
                tellers.create_task(self._kill_and_restart())
                tellers.create_task(self._announce_supplies())
                tellers.create_task(self._until(self.story.seconds))
        except* DaemonError as failures:
            raise failures.exceptions[0] from None

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self.at))

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Look at the whole space once, and show it."""
        answers = await asyncio.gather(*(daemon.status() for daemon in self.daemons.values()))
        frames = tuple(answer for answer in answers if answer is not None)
        backlogs = {name: queue.waiting for name, queue in self.queues.queues.items()}
        self.looks.append(Look(at=self.at, frames=frames, backlogs=backlogs))
        self._show(self)

    async def _announce_supplies(self) -> None:
        changes = sorted(
            (at, f"{name}: {what}")
            for name, windows in self.story.all_dry().items()
            for window in windows
            for at, what in zip(window, ("nothing new comes to its queue", "its queue is filled again"), strict=True)
        )
        for at, text in changes:
            await self._until(at)
            self.note(text)

    async def _kill_and_restart(self) -> None:
        victim = self.daemons[KILLED]
        await self._until(self.story.killed_at)
        self.adoption.before = _machine_ids(await victim.status())
        await victim.kill()
        self.note(f"{KILLED}: its daemon is killed with SIGKILL; {len(self.adoption.before)} machines go on")
        await self._until(self.story.restarted_at)
        running = await asyncio.to_thread(self.stage.running, victim.place.state_dir)
        self.adoption.survived_unwatched = running
        await victim.start()
        self.adoption.after = _machine_ids(await victim.status())
        adopted = len(self.adoption.before & self.adoption.after)
        self.note(f"{KILLED}: its daemon is started again, and adopts {adopted} machines that still run")

    async def close(self) -> int:
        """End everything, in good order where possible; return how many processes are left in spite of all."""
        self.queues.shut()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._wind_down()
        await asyncio.gather(*(daemon.end() for daemon in self.daemons.values()))
        left = await asyncio.to_thread(self.stage.end_all, self.root)
        await self.queues.close()
        return left

    async def _wind_down(self) -> None:
        """Let no machine start, ask those that run to end, and wait until all have."""
        daemons = self.daemons.values()
        await asyncio.gather(*(daemon.tell("/drain", {"until": None, "reason": "the demo ends"}) for daemon in daemons))
        for daemon in daemons:
            alive = _machine_ids(await daemon.status())
            orders = (daemon.tell("/stop", {"machine": one, "reason": "the demo ends"}) for one in alive)
            await asyncio.gather(*orders)
        while any([_machine_ids(await daemon.status()) for daemon in daemons]):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.1)


def _machine_ids(status: Mapping[str, Any] | None) -> frozenset[str]:
    return frozenset(machine["id"] for machine in status["machines"]) if status else frozenset()
