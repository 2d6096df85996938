"""What is left of machines that have ended: their outputs and rows of the journal, each kept for its own time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from vac_core.config.schema import Site
from vac_core.factory.calls import Calls
from vac_core.factory.journal import Journal
from vac_core.factory.roster import Roster
from vac_core.factory.state_dir import StateDir
from vac_core.interfaces import PluginError
from vac_core.removal import remove

_log = logging.getLogger(__name__)

TIDIED_SECONDS: Final = 3600.0
_DEADLINE_SECONDS: Final = 3000.0
_DAY: Final = 86400.0
_DEFAULT_DAYS: Final = 3.0
"""As the option's default: for machines whose machinetype the site file no longer has."""


class Attic:
    """Deletes, about once an hour, what has been kept long enough."""

    def __init__(self, state: StateDir, journal: Journal, roster: Roster, calls: Calls) -> None:
        self._state = state
        self._journal = journal
        self._roster = roster
        self._calls = calls
        self._next = float("-inf")

    def clock_was_set(self, now: float) -> None:
        """Delete nothing for an hour: the new time may be wrong, and be mended by then."""
        self._next = now + TIDIED_SECONDS

    async def tidy(self, site: Site, now: float) -> None:
        """Delete what is too old, if an hour has passed since the last time; trees of files in a thread."""
        if now < self._next:
            return
        self._next = now + TIDIED_SECONDS
        old = [
            directory
            for directory in self._state.machines.iterdir()
            if self._roster.get(directory.name) is None and now > self._kept_until(directory.name, site)
        ]
        self._journal.prune(now - site.settings.journal_days * _DAY)
        if not old:
            return
        try:
            await self._calls(partial(_delete, old), deadline=_DEADLINE_SECONDS, what="deleting old machines' files")
        except PluginError as error:
            _log.warning("%s; it will be tried again in an hour", error)

    def _kept_until(self, machine_id: str, site: Site) -> float:
        machine = self._journal.find(machine_id)
        if machine is None or machine.ended is None:
            return 0.0
        machinetype = site.machinetypes.get(machine.machinetype)
        days = _DEFAULT_DAYS if machinetype is None else machinetype.machines_dir_days
        return machine.ended + days * _DAY


def _delete(directories: Sequence[Path]) -> None:
    for directory in directories:
        with suppress(PluginError):  # it is tried again in an hour
            remove(directory)
