"""What is done now and then: removing images for which there is no use any more."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from vac_core.interfaces import PluginError
from vac_docker.collect import collect, in_use, to_remove
from vac_docker.engine import Engine
from vac_docker.images import Images
from vac_docker.options import DockerPlugin

_log = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 3600.0
_WANTED_SECONDS: Final = 3600.0


class Housekeeping:
    """One thread for it."""

    def __init__(self, engine: Engine, images: Images, options: Callable[[], DockerPlugin]) -> None:
        self.options = options
        self._engine = engine
        self._images = images
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vac-docker-housekeeping", daemon=True)

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(_PAUSE_SECONDS):
            try:
                self.tidy()
            except PluginError as problem:
                _log.warning("no images are removed: %s", problem)
            except Exception:  # noqa: BLE001 - the next hour may be better
                _log.exception("removing images failed")

    def tidy(self) -> list[str]:
        """Remove images that are too old, or take too much space, and return their ids; raises `EngineError`."""
        plugin, book = self.options(), self._images.book
        going = to_remove(
            book.all(),
            in_use(self._engine),
            self._images.wanted_since(time.monotonic() - _WANTED_SECONDS),
            now=time.time(),
            keep_days=plugin.image_keep_days,
            space_gb=plugin.image_space_gb,
        )
        gone = collect(self._engine, book, going)
        if gone:
            _log.info("images removed, for which there was no use any more: %s", ", ".join(gone))
        return gone
