"""Following the site files and pipes while the factory works."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from vac_core.factory.calls import Calls
from vac_core.factory.lasting import wants_restart
from vac_core.factory.site_source import SiteSource
from vac_core.interfaces import PluginError

_log = logging.getLogger(__name__)

LOOKED_AT_SECONDS: Final = 2.0
DEADLINE_SECONDS: Final = 300.0


class SiteFollower:
    """Has the files read again when they change, and pipes when their time has come; `troubles` says what is wrong."""

    def __init__(
        self, source: SiteSource, calls: Calls, clock: Callable[[], float], changed: Callable[[], None]
    ) -> None:
        self._source = source
        self._calls = calls
        self._clock = clock
        self._changed = changed
        self._at_start = source.site.settings
        self._one_at_a_time = asyncio.Lock()
        self.troubles: dict[str, str] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOKED_AT_SECONDS)
            await self.refresh()

    async def refresh(self, *, force: bool = False) -> None:
        """Look now; with ``force`` all is read again whether it seems changed or not."""
        async with self._one_at_a_time:
            read = partial(self._source.refresh, self._clock(), force=force)
            try:
                changed = await self._calls(read, deadline=DEADLINE_SECONDS, what="reading the site files")
            except PluginError as error:
                self._trouble("site", str(error))
                return
        self._trouble("site", None)
        if changed:
            _log.info("the site files or pipes have changed")
            self._trouble("restart", wants_restart(self._at_start, self._source.site.settings))
            self._changed()

    def _trouble(self, what: str, message: str | None) -> None:
        if message is None:
            self.troubles.pop(what, None)
        elif self.troubles.get(what) != message:
            self.troubles[what] = message
            _log.warning("%s", message)
