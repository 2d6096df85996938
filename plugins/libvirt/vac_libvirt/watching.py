"""Knowing of machines: libvirt's events as they come, and a listing of all that are there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import libvirt

from vac_core.interfaces import Observed
from vac_libvirt.connection import Connection
from vac_libvirt.end_notes import end_note
from vac_libvirt.ends import End
from vac_libvirt.mark import Mark, Marks
from vac_libvirt.observe import observe
from vac_libvirt.record import Record, Records
from vac_libvirt.stats import Figures, all_figures

logger = logging.getLogger(__name__)

_CHANGES: Final = frozenset(
    {
        libvirt.VIR_DOMAIN_EVENT_STARTED,
        libvirt.VIR_DOMAIN_EVENT_SUSPENDED,
        libvirt.VIR_DOMAIN_EVENT_RESUMED,
        libvirt.VIR_DOMAIN_EVENT_STOPPED,
        libvirt.VIR_DOMAIN_EVENT_CRASHED,
        libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED,
    }
)

_EVENT_SECONDS: Final = 2.0
"""How long a domain may be missing before its event has come: they come by a thread of their own."""


class Watching:
    """Watches the machines of one factory."""

    def __init__(self, records: Records, owner: Mark, clock: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._clock = clock
        self._watched: set[str] = set()
        self._missing: dict[str, float] = {}
        self._owner = owner
        self._marks = Marks()
        self._seen: dict[str, Figures] = {}
        self._told: Callable[[str], None] = _no_one

    def tell(self, changed: Callable[[str], None]) -> None:
        """Tell of changes from now on."""
        self._told = changed

    def news(self, machine_id: str = "") -> None:
        """Tell that there is something to be looked at."""
        self._told(machine_id)

    def all_may_have_changed(self) -> None:
        """Tell of every machine, as after a time without events."""
        self._watched.clear()
        for record in self._records.all():
            self._told(record.machine_id)

    def lifecycle(self, uuid: str, event: int, detail: int) -> None:
        """Take an event of libvirt, of our domains or others'."""
        record = self._records.of(uuid)
        if record is None or event not in _CHANGES or not record.directory.exists():
            return
        if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            figures = self._seen.get(uuid)
            used = "" if figures is None else f"; it had used {figures}"
            logger.info("machine %s has ended: %s%s", uuid, end_note(detail) or "it shut down", used)
            try:
                record.note_end(
                    End(note=end_note(detail), cpu_seconds=None if figures is None else figures.cpu_seconds)
                )
            except FileNotFoundError:
                return  # it was cleared away meanwhile
            except OSError:
                logger.exception("machine %s: how it ended cannot be written down", uuid)
        self._told(uuid)

    def look(self, connection: Connection, creating: Collection[str]) -> Sequence[Observed]:
        """All machines, by libvirt's bulk statistics and the records."""
        # In this order: what is listed as recorded and no longer as being made has its domain already, or had it.
        records = self._records.all()
        creating = frozenset(creating)
        with connection.use("machines cannot be listed") as libvirtd:
            found = all_figures(libvirtd)
            marks = self._marks.of_all(domain for domain, _ in found)
        ours = {uuid for uuid, mark in marks.items() if mark.machine_id and mark.same_owner(self._owner)}
        running = {domain.UUIDString(): figures for domain, figures in found}
        mine = {uuid: one.after(self._seen.get(uuid)) for uuid, one in running.items() if uuid in ours}
        listed = {record.machine_id for record in records} | mine.keys()
        self._seen = {uuid: figures for uuid, figures in {**self._seen, **mine}.items() if uuid in listed}
        self._watched = (self._watched | mine.keys()) & listed
        return observe(records, {**self._without_word(records, mine.keys()), **mine}, creating, self._seen)

    def _without_word(self, records: Iterable[Record], running: Collection[str]) -> dict[str, Figures]:
        """The latest figures of those that are gone a moment ago, and whose event, which says how, is on its way."""
        now = self._clock()
        silent = [
            record.machine_id
            for record in records
            if record.machine_id in self._watched and record.machine_id not in running and record.end() is None
        ]
        self._missing = {machine_id: self._missing.get(machine_id, now) for machine_id in silent}
        return {
            machine_id: self._seen[machine_id]
            for machine_id, since in self._missing.items()
            if now - since < _EVENT_SECONDS
        }


def _no_one(machine_id: str) -> None:
    """Who is told before anybody watches."""
