"""Ends of processes as events: one thread waits for all of them at once."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
from collections.abc import Callable

from vac_core.supervision.record import Supervised

logger = logging.getLogger(__name__)


class EndWatcher:
    """Calls ``ended(machine_id)`` from its thread when a machine's supervisor ends, be it a child of ours or not."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._poll = select.epoll()
        self._closing = os.eventfd(0, os.EFD_CLOEXEC)
        self._poll.register(self._closing, select.EPOLLIN)
        self._followed: dict[int, str] = {}
        self._thread = threading.Thread(target=self._run, name="vac-process-ends", daemon=True)
        self._thread.start()

    def follow(self, supervised: Supervised) -> None:
        """Wait for this supervisor too. If it has ended already, that is told at once."""
        try:
            fd = os.pidfd_open(supervised.pid)
        except ProcessLookupError:
            self._ended(supervised.machine_id)
            return
        # Looked at after the pidfd was opened: a pid that came again before then is somebody else's.
        if supervised.now() is None:
            _reap(fd)
            os.close(fd)
            self._ended(supervised.machine_id)
            return
        self._followed[fd] = supervised.machine_id
        self._poll.register(fd, select.EPOLLIN)

    def close(self) -> None:
        """End the thread; processes go on."""
        os.eventfd_write(self._closing, 1)
        self._thread.join()
        for fd in (*self._followed, self._closing):
            os.close(fd)
        self._followed.clear()
        self._poll.close()

    def _run(self) -> None:
        while True:
            for fd, _ in self._poll.poll():
                if fd == self._closing:
                    return
                self._end(fd)

    def _end(self, fd: int) -> None:
        self._poll.unregister(fd)
        machine_id = self._followed.pop(fd)
        _reap(fd)
        os.close(fd)
        try:
            self._ended(machine_id)
        except Exception:
            logger.exception("machine %s has ended, and telling of it failed", machine_id)


def _reap(fd: int) -> None:
    """Take a child's exit status, so that nothing of it stays; one adopted from before a restart has another parent."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
