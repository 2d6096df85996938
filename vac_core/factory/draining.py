"""Whether this factory drains, by its site files or by command; a command's word is kept over restarts."""

from __future__ import annotations

import json
from typing import Final

import attrs

from vac_core.config.schema import Settings
from vac_core.factory.journal import Journal

_FACT: Final = "drain"


@attrs.frozen
class Drain:
    """Draining as it is in force."""

    on: bool = False
    until: float | None = None
    """By when every machine must have ended; None lets each live out its time."""
    reason: str = ""


class Draining:
    """The command's word, kept in the journal, together with that of the site files."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        kept = journal.recall(_FACT)
        self._commanded = Drain(**json.loads(kept)) if kept else Drain()

    def start(self, until: float | None, reason: str, now: float) -> None:
        """Start no more machines, and end those that are there by ``until`` if that is given."""
        commanded = Drain(True, until, reason)
        self._journal.remember(_FACT, json.dumps(attrs.asdict(commanded)))
        self._commanded = commanded
        self._journal.note("draining", reason, now=now)

    def stop(self, now: float) -> None:
        """Start machines again."""
        self._journal.remember(_FACT, None)
        self._commanded = Drain()
        self._journal.note("undrained", "", now=now)

    def in_force(self, settings: Settings) -> Drain:
        """The command's word and the site files' together."""
        if self._commanded.on:
            return self._commanded
        return Drain(settings.draining, None, "draining = yes in [settings]" if settings.draining else "")

    def shutdown_time(self, settings: Settings) -> float | None:
        """When all machines must have ended, if that is set: the earlier of the command's time and the site's."""
        times = [time for time in (self.in_force(settings).until, settings.shutdown_time) if time is not None]
        return min(times, default=None)
