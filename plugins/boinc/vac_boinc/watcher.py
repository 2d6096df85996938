"""Watching virtual machines' applications from their host: the edge of `vac_boinc.watch`.

All in the shared directory is the guest's, and read with `vac_core.guest_files` alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from vac_boinc import watch_file
from vac_boinc.inside.contract import CERN_OUTPUT, COMPLETED
from vac_boinc.kept_outputs import keep_outputs
from vac_boinc.terms import DETAIL, Terms, TermsError
from vac_boinc.watch import Seen, Watch, how_far, outcome
from vac_core.atomic import write_atomically
from vac_core.context.outputs import FRACTION_DONE, JOBOUTPUTS
from vac_core.guest_files import changed_at, read_start
from vac_core.interfaces import PluginError
from vac_core.model import Machine, MachineState
from vac_core.powers import SHARED

_log = logging.getLogger(__name__)

KEEP_SECONDS: Final = 60.0
"""How often a machine's time is written down."""
FORGET_SECONDS: Final = 3600.0
"""A machine that nobody has had looked at for so long is gone."""
_CERN_OUTPUT_NAME: Final = "output"
_TRIGGER_MAX: Final = 65536
_READABLE: Final = 0o644


class Watcher:
    """Watches any number of machines, from any threads; ``clock`` never jumps and goes on while nobody looks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._watches: dict[str, Watch] = {}
        self._lock = threading.Lock()

    @property
    def watched(self) -> frozenset[str]:
        """Ids of the machines that it has in mind."""
        with self._lock:
            return frozenset(self._watches)

    def look(self, machine: Machine, directory: Path, *, ended: bool, most_octets: int) -> str:
        """The shutdown message that a machine has come to; empty while it goes on, or where it is not ours to say.

        Of its outputs no more is kept than ``most_octets``. Raises `PluginError` where its terms cannot be understood,
        or what is to be written down of a machine that goes on cannot be.
        """
        terms = _terms(machine)
        if terms is None:
            return ""
        seen = _seen(directory / SHARED, terms)
        before = self._before(machine.id, directory, terms, ended=ended)
        watch = _turned(before, self._clock(), machine, terms, seen)
        self._remember(machine.id, None if ended else watch)
        stopping = machine.state is MachineState.STOPPING
        message = outcome(terms, watch, seen, ended=ended, asked_to_end=stopping)
        try:
            _write_down(directory, before, watch, is_done=message == COMPLETED and terms.cern_dataformat)
        except OSError as error:
            what = f"machine {machine.id}: {error.filename2 or error.filename}: {error.strerror}"
            if not message:
                raise PluginError(what) from error
            _log.warning("%s", what)
        if ended:
            keep_outputs(machine.id, directory / SHARED, directory / JOBOUTPUTS, terms.outputs, most_octets)
        return message

    def _before(self, machine_id: str, directory: Path, terms: Terms, *, ended: bool) -> Watch:
        with self._lock:
            known = self._watches.get(machine_id)
        now = self._clock()
        return known or watch_file.read(directory, terms, now, ended=ended) or Watch.begun(terms, now)

    def _remember(self, machine_id: str, watch: Watch | None) -> None:
        now = self._clock()
        with self._lock:
            for gone in [one for one, known in self._watches.items() if now - known.at > FORGET_SECONDS]:
                del self._watches[gone]
            if watch is None:
                self._watches.pop(machine_id, None)
            else:
                self._watches[machine_id] = watch


def _terms(machine: Machine) -> Terms | None:
    """Those of a machine that is watched; None for any other."""
    raw = machine.details.get(DETAIL)
    try:
        return None if raw is None else Terms.unpacked(raw)
    except TermsError as error:
        raise PluginError(f"machine {machine.id}: {error}: another version of vac-boinc made it") from None


def _turned(before: Watch, now: float, machine: Machine, terms: Terms, seen: Seen) -> Watch:
    watch = before.turned(now, held=machine.state is MachineState.PAUSED).looked(terms, seen)
    is_due = now - watch.kept_at >= KEEP_SECONDS
    return attrs.evolve(watch, told=how_far(terms, watch, seen), kept_at=now if is_due else watch.kept_at)


def _seen(shared: Path, terms: Terms) -> Seen:
    names = {"completion": terms.completion, "temporary_exit": terms.temporary_exit, "fraction": terms.fraction}
    read = {key: read_start(shared, name, _TRIGGER_MAX) for key, name in names.items() if name}
    return Seen(**read, heartbeat=changed_at(shared, terms.heartbeat) if terms.heartbeat else None)


def _write_down(directory: Path, before: Watch, watch: Watch, *, is_done: bool) -> None:
    """What has changed since the look before: its time, how far it is, and what CERN's guests call their output."""
    if watch.kept_at != before.kept_at:
        watch_file.write(directory, watch)
    if watch.told != before.told:
        _leave(directory, FRACTION_DONE, watch.told)
    if is_done:
        _leave(directory, _CERN_OUTPUT_NAME, CERN_OUTPUT)


def _leave(directory: Path, name: str, text: str) -> None:
    write_atomically(directory / JOBOUTPUTS / name, text.encode("ascii"), mode=_READABLE)
