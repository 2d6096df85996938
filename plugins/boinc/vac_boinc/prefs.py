"""The policy ``prefs``: machines run when the host's owner lets them, by BOINC's preferences."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from vac_boinc.options import BoincPlugin, plugin_options
from vac_boinc.preferences import Preferences, overlaid
from vac_boinc.prefs_file import PrefsFileError, read_prefs
from vac_boinc.senses import LinuxSenses, Senses
from vac_boinc.suspension import Standing, Waits, step, wanted
from vac_boinc.verdicts import Outlook, verdicts
from vac_core.interfaces import Home, Policy
from vac_core.model import Health, HealthState
from vac_core.situation import Situation, Verdicts

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""BOINC looks as often."""
_OWN: Final = {field.name for field in attrs.fields(Preferences)}


class Prefs(Policy):
    """Looks at the host each second in a thread of its own, and has the factory decide when what it finds matters."""

    name = "prefs"

    def __init__(self, senses: Callable[[Home], Senses] = LinuxSenses, *, watching: bool = True) -> None:
        self._make_senses = senses
        self._watching = watching
        self._home: Home | None = None
        self._senses: Senses | None = None
        self._read: tuple[Path, str, tuple[int, ...]] | None = None
        self._from_it: Mapping[str, Any] = {}
        self._trouble = ""
        self._outlook: Outlook | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, home: Home) -> None:
        """Have a first look, and begin to watch."""
        self._home, self._senses = home, self._make_senses(home)
        self.look()
        if self._watching:
            self._end.clear()
            self._thread = threading.Thread(target=self._watch, name="vac-boinc-prefs", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def health(self) -> Health:
        """Whether the owner's file can be read."""
        if self._trouble:
            return Health(HealthState.DEGRADED, self._trouble, "the last preferences that could be read are in force")
        return Health()

    def judge(self, situation: Situation) -> Verdicts:
        """What the owner's preferences say, as of the latest look."""
        return Verdicts() if self._outlook is None else verdicts(self._outlook, situation)

    def _watch(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - whatever a look meets, the next one comes in a second
                _log.exception("the host could not be looked at; what was found last stays in force")

    def look(self) -> None:
        """Look at the host once, and wake the factory if machines are concerned."""
        if self._home is None or self._senses is None:
            return
        options = plugin_options(self._home.options())
        prefs = self._preferences(options)
        host = self._senses.look(options)
        before = self._outlook
        standing = step(
            before.standing if before else Standing(),
            wanted(prefs, host),
            host.time,
            Waits(grace=options.suspend_grace_seconds, resume=options.resume_after_seconds),
        )
        self._outlook = Outlook(
            prefs=prefs,
            host=host,
            standing=standing,
            disk=self._senses.disk(),
            max_suspend_seconds=options.max_suspend_seconds,
        )
        if before is not None and _concerns(before, self._outlook):
            _log.info("%s", standing.reason or "the owner has no use for the host now")
            self._home.wake()

    def _preferences(self, options: BoincPlugin) -> Preferences:
        own = {name: value for name in _OWN if (value := getattr(options, name)) is not None}
        return overlaid(self._from_file(options), own)

    def _from_file(self, options: BoincPlugin) -> Mapping[str, Any]:
        """What the owner's file says; what it said last where it cannot be read now."""
        if options.prefs_file is None:
            self._trouble = ""
            return {}
        path = Path(options.prefs_file)
        key = (path, options.venue, _version(path))
        if key != self._read:
            self._read = key
            try:
                self._from_it, self._trouble = read_prefs(path, options.venue), ""
            except PrefsFileError as error:
                self._trouble = str(error)
                _log.error("%s: the last preferences that could be read stay in force", error)
        return self._from_it


def _version(path: Path) -> tuple[int, ...]:
    """What changes when a file does; nothing where there is none."""
    try:
        about = path.stat()
    except OSError:
        return ()
    return (about.st_mtime_ns, about.st_size, about.st_ino)


def _concerns(before: Outlook, after: Outlook) -> bool:
    """Whether machines have to be dealt with in another way than before."""
    held = (before.standing.reason, before.in_use, before.prefs)
    if held != (after.standing.reason, after.in_use, after.prefs):
        return True
    if after.standing.reason is None:
        return False
    limit = after.standing.since + after.max_suspend_seconds
    return before.host.time < limit <= after.host.time
