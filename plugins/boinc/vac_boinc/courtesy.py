"""``courtesy``: the BOINC client that the host's owner runs rests while machines run, so that they do not compete.

It is told to rest for twice as long as until it is told again: should the factory die, it goes on by itself. What its
owner has set stays as it was, and a client that the owner has set to rest is left alone.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vac_boinc.host_client import SECONDS, HostClient, Status, connected
from vac_boinc.options import BoincPlugin, plugin_options
from vac_core.atomic import write_atomically
from vac_core.interfaces import Home, Observer, PluginError
from vac_core.model import Event, EventKind, Health, HealthState

_log = logging.getLogger(__name__)

FILE: Final = "rests-until"
CYCLES: Final = 2
"""For how many cycles it is told to rest."""
SLACK_SECONDS: Final = SECONDS + 1.0
"""It may take as long as an answer until the client heeds our word."""
_FREE: Final = "goes on as its owner has set it"


class Act(enum.StrEnum):
    """What to do with a client."""

    LEAVE = "leave"
    REST = "rest"
    GO_ON = "go on"


_SAID: Final = {
    (Act.REST, True): "rests while machines run",
    (Act.LEAVE, True): "rests by its owner's own word, and is left alone",
    (Act.LEAVE, False): _FREE,
    (Act.GO_ON, False): _FREE,
}


def act(status: Status, *, machines: bool, ours: float | None) -> Act:
    """What to do with a client that stands so, ``ours`` being how many seconds it has yet to rest by our word, if any.

    One that rests without our word, or for longer than that, does so by its owner's.
    """
    resting = status.mode == "never"
    by_us = resting and ours is not None and 0 < status.left <= ours + SLACK_SECONDS
    if resting and not by_us:
        return Act.LEAVE
    if machines:
        return Act.REST
    return Act.GO_ON if by_us else Act.LEAVE


class Courtesy(Observer):
    """Looks whether there are machines once a cycle, and at once when one has come or gone, in a thread of its own."""

    name = "courtesy"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._home: Home | None = None
        self._until: float | None = None
        self._trouble = ""
        self._said = _SAID[Act.LEAVE, False]
        self._news = threading.Event()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, home: Home) -> None:
        """Have a first look, and go on looking."""
        self._home = home
        self._until = _remembered(home.state_dir / FILE)
        self._end.clear()
        self.look()
        self._thread = threading.Thread(target=self._watch, name="vac-boinc-courtesy", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the client go on at once."""
        self._end.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._until is not None:
            self._ask(self._options, machines=False)

    def health(self) -> Health:
        """Whether the client can be spoken with."""
        if not self._trouble:
            return Health()
        found, _, mend = self._trouble.rpartition(": ")
        return Health(HealthState.DEGRADED, found, f"{mend}; until then it and machines run side by side")

    def observe(self, event: Event) -> None:
        """Look at once when something has happened to a machine."""
        if event.kind is EventKind.MACHINE:
            self._news.set()

    @property
    def _options(self) -> BoincPlugin:
        return plugin_options(None if self._home is None else self._home.options())

    def _watch(self) -> None:
        while True:
            self._news.wait(self._options.host_client_seconds)
            self._news.clear()
            if self._end.is_set():
                return
            try:
                self.look()
            except Exception:  # noqa: BLE001 - whatever a look meets, the next one comes in a cycle
                _log.exception("it could not be seen whether the host's BOINC client is to rest")

    def look(self) -> None:
        """Look whether there are machines, and ask the client to do what is due."""
        options = self._options
        if options.host_client is None or self._home is None:
            self._trouble = ""
            self._remember(None)
        else:
            self._ask(options, machines=bool(self._home.cpu_seconds()))

    def _ask(self, options: BoincPlugin, *, machines: bool) -> None:
        if options.host_client is None:
            return
        try:
            with connected(options.host_client, options.host_client_password_file) as client:
                self._tend(client, options.host_client_seconds, machines=machines)
        except PluginError as error:
            if str(error) != self._trouble:
                _log.warning("%s", error)
            self._trouble = str(error)
        else:
            if self._trouble:
                _log.info("the host's BOINC client at %s can be spoken with again", options.host_client)
            self._trouble = ""

    def _tend(self, client: HostClient, cycle: float, *, machines: bool) -> None:
        ours = None if self._until is None else self._until - self._clock()
        due = act(client.status(), machines=machines, ours=ours)
        if due is Act.REST:
            # Remembered first: whoever dies in between knows the word that was heard.
            self._remember(self._clock() + CYCLES * cycle)
            client.rest(CYCLES * cycle)
        else:
            if due is Act.GO_ON:
                client.go_on()
            self._remember(None)
        said = _SAID[due, machines]
        if said != self._said:
            _log.info("the host's BOINC client %s", said)
        self._said = said

    def _remember(self, until: float | None) -> None:
        """Keep until when it rests by our word, so that a factory that died knows its own word again."""
        changed, self._until = until != self._until, until
        if changed and self._home is not None:
            # It can do without: it takes its own word for the owner's then, until that is over.
            with contextlib.suppress(OSError):
                write_atomically(self._home.state_dir / FILE, str(until or "").encode("ascii"), mode=0o600)


def _remembered(path: Path) -> float | None:
    try:
        return float(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
