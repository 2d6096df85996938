"""Tells the observers of journalled events: in order, at least once, each at its own pace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from vac_core.factory.calls import Calls
from vac_core.factory.journal import Journal, JournalError
from vac_core.interfaces import Observer, PluginError

_log = logging.getLogger(__name__)

_BATCH: Final = 100
_DEADLINE: Final = 30.0


class Herald:
    """Keeps each observer's place in the journal, so that a crash or an error of its own loses it no event."""

    def __init__(self, journal: Journal, observers: Sequence[Observer], calls: Calls) -> None:
        self._journal = journal
        self._observers = observers
        self._calls = calls
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.troubles: dict[str, str] = {}
        for observer in observers:
            journal.tell(observer.name, journal.told(observer.name))

    def cry(self) -> None:
        """There may be news: see that each observer is told, in the background."""
        for observer in self._observers:
            task = self._tasks.get(observer.name)
            if task is None or task.done():
                self._tasks[observer.name] = asyncio.create_task(self._tell(observer))

    async def close(self) -> None:
        """Tell what can be told at once, and stop."""
        self.cry()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _tell(self, observer: Observer) -> None:
        try:
            await self._tell_all(observer)
        except JournalError as error:
            self.troubles[observer.name] = str(error)
            _log.warning("observer %s will be told again: %s", observer.name, error)

    async def _tell_all(self, observer: Observer) -> None:
        name = observer.name
        while events := self._journal.events_after(self._journal.told(name), _BATCH):
            seq = events[0].seq - 1
            try:
                for event in events:
                    what = f"observer {name} at event {event.seq}"
                    await self._calls(partial(observer.observe, event), deadline=_DEADLINE, what=what)
                    seq = event.seq
            except PluginError as error:
                if name not in self.troubles:
                    _log.warning("%s; it will be told again", error)
                self.troubles[name] = str(error)
                return
            finally:
                self._journal.tell(name, seq)
            self.troubles.pop(name, None)
