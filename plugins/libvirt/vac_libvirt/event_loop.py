"""libvirt's event loop: there can be one in a process, for all connections, and it lives as long as the process.

It must be there before a connection is opened: events, keepalive and the notice of a lost connection come through it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import libvirt

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_running: list[threading.Thread] = []
_PAUSE_SECONDS: Final = 1.0


def ensure_running() -> None:
    """Start it, unless it runs; from then on libvirt prints no errors by itself: they are raised."""
    with _lock:
        if _running:
            return
        libvirt.registerErrorHandler(_is_silent, None)
        libvirt.virEventRegisterDefaultImpl()
        # A loop with nothing to wait for would wait for ever on nothing: a timer keeps it turning.
        libvirt.virEventAddTimeout(int(_PAUSE_SECONDS * 1000), _turns, None)
        thread = threading.Thread(target=_run, name="vac-libvirt-events", daemon=True)
        thread.start()
        _running.append(thread)


def do_in_loop(action: Callable[[], None]) -> None:
    """Have something short done by the loop's own thread, between two events; what it raises is logged."""

    def do(timer: int, opaque: object) -> None:
        del opaque
        libvirt.virEventRemoveTimeout(timer)
        try:
            action()
        except Exception:
            logger.exception("what was to be done in libvirt's event loop has failed")

    libvirt.virEventAddTimeout(0, do, None)


def _run() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            logger.exception("libvirt's event loop has stumbled, and goes on")
            time.sleep(_PAUSE_SECONDS)


def _turns(timer: int, opaque: object) -> None:
    del timer, opaque


def _is_silent(context: object, error: object) -> None:
    del context, error
