"""News from an engine: one thread follows its stream of events, and takes it up again after each break."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from vac_docker.engine import Engine
from vac_docker.errors import EngineError, asking
from vac_docker.labels import MACHINE, has

_log = logging.getLogger(__name__)

_TOLD: Final = frozenset({"start", "die", "died", "oom", "pause", "unpause", "destroy", "remove"})
_DEATHS: Final = frozenset({"die", "died"})
_GONE: Final = frozenset({"destroy", "remove"})
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 15.0


class Events:
    """Calls ``changed(machine_id)`` from its thread; with an empty id after each reconnection, when all may be new."""

    def __init__(self, engine: Engine, labels: Mapping[str, str], changed: Callable[[str], None]) -> None:
        self._engine = engine
        self._labels = labels
        self._changed = changed
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._stream: Any = None
        self._since = time.time()
        """The engine's time of the latest event that was told."""
        self.died: set[str] = set()
        """Ids of containers that have ended: an engine tells of an end before its own list shows it."""
        self._thread = threading.Thread(target=self._run, name="vac-docker-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        with self._lock:
            self._break_off()
        self._thread.join()

    def _break_off(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(Exception):  # it may be breaking by itself at this moment
                self._stream.close()

    def _run(self) -> None:
        pause, told = _FIRST_PAUSE, ""
        while not self._closing.is_set():
            begun = time.monotonic()
            try:
                self._follow()
            except EngineError as problem:
                trouble = str(problem)
            except Exception as problem:  # noqa: BLE001 - a stream that is broken off breaks in many ways
                trouble = f"the stream broke off: {problem!r}"
            else:
                trouble = ""
            worked = time.monotonic() - begun > _LONGEST_PAUSE
            if trouble and (worked or trouble != told) and not self._closing.is_set():
                _log.warning("no events: %s; it is tried again until it succeeds", trouble)
            told = trouble
            pause = _FIRST_PAUSE if worked else min(2 * pause, _LONGEST_PAUSE)
            self._closing.wait(pause)

    def _follow(self) -> None:
        """Tell of events until the stream breaks."""
        client = self._engine.client(timeout=None)
        try:
            with asking("following events", self._engine.socket):
                stream = client.events(since=int(self._since), filters={"type": "container"}, decode=True)
                with self._lock:
                    self._stream = stream
                if self._closing.is_set():
                    return
                self._tell("")  # what happened while nobody listened is seen in the list of containers
                for event in stream:
                    self._take(event)
        finally:
            with self._lock:
                self._break_off()
                ended, self._stream = self._stream, None
            if ended is not None:
                ended._response.close()
            client.close()

    def _take(self, event: Mapping[str, Any]) -> None:
        nanoseconds = event.get("timeNano")
        if isinstance(nanoseconds, int):
            self._since = max(self._since, nanoseconds / 1e9)
        attributes = (event.get("Actor") or {}).get("Attributes") or {}
        if event.get("Action") not in _TOLD or not has(attributes, self._labels) or MACHINE not in attributes:
            return
        self._follow_death(str(event.get("Action")), str((event.get("Actor") or {}).get("ID", "")))
        self._tell(attributes[MACHINE])

    def _follow_death(self, action: str, container_id: str) -> None:
        if action in _DEATHS:
            self.died.add(container_id)
        elif action in _GONE:
            self.died.discard(container_id)

    def _tell(self, machine_id: str) -> None:
        try:
            self._changed(machine_id)
        except Exception:  # noqa: BLE001 - whoever listens must not end the thread
            _log.exception("telling of machine %r failed", machine_id)
