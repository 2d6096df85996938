"""The connection to libvirt, kept open: opened again with growing patience whenever it is lost."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import libvirt
import tenacity

from vac_core.interfaces import PluginError
from vac_libvirt.errors import UnreachableError, explained, is_lost
from vac_libvirt.event_loop import ensure_running

logger = logging.getLogger(__name__)

KEEPALIVE_SECONDS: Final = 5
KEEPALIVE_COUNT: Final = 3
"""A libvirtd that answers nothing for so many intervals is given up, and calls that wait for it fail."""

UPKEEP_SECONDS: Final = 60.0
_WAIT: Final = tenacity.wait_exponential(multiplier=0.1, max=10.0)


class Connection:
    """One connection, kept by a thread of its own. Calls never wait for it to be opened.

    ``lifecycle(uuid, event, detail)`` is called from libvirt's event loop.
    """

    def __init__(
        self, uri: str, *, lifecycle: Callable[[str, int, int], None], keepalive_seconds: int = KEEPALIVE_SECONDS
    ) -> None:
        self.uri = uri
        self.trouble = "no connection to libvirt: it has not answered yet"
        """Why it is not open; empty while it is."""
        self._lifecycle = lifecycle
        self._keepalive_seconds = keepalive_seconds
        self._opened: Callable[[], None] = _nothing
        self._upkeep: Callable[[], None] = _nothing
        self._now: Any = None
        self._callback = -1
        self._tried = threading.Event()
        self._lost = threading.Event()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="vac-libvirt-keeper", daemon=True)

    def start(
        self,
        patience_seconds: float,
        *,
        opened: Callable[[], None] | None = None,
        upkeep: Callable[[], None] | None = None,
    ) -> None:
        """Begin to keep it open; return when it is, or after the first failure, or when patience ends.

        ``opened()`` is called from the keeper's thread each time the connection has been opened, and ``upkeep()`` once
        a minute while it is open.
        """
        self._opened, self._upkeep = opened or _nothing, upkeep or _nothing
        ensure_running()
        self._keeper.start()
        self._tried.wait(patience_seconds)

    def close(self) -> None:
        """Let go of it; machines go on running."""
        self._closing.set()
        self._lost.set()
        if self._keeper.is_alive():
            self._keeper.join(KEEPALIVE_SECONDS)

    @contextlib.contextmanager
    def use(self, what: str = "") -> Iterator[Any]:
        """The open connection, a ``libvirt.virConnect``.

        Raises `UnreachableError` where there is none or it is lost meanwhile, and `RefusedError` for any other error
        of libvirt that is not caught inside; ``what`` says what was being done.
        """
        now = self._now
        if now is None:
            raise UnreachableError(self.trouble)
        try:
            yield now
        except libvirt.libvirtError as error:
            if is_lost(error):
                self._lost.set()
            raise explained(error, what) from error

    def _keep(self) -> None:
        while not self._closing.is_set():
            self._lost.clear()
            try:
                now = self._retrying()(self._open)
            except Exception:  # noqa: BLE001 - it has been told of, and this is the end of trying
                break
            self._hold(now)
        self._now = None

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            wait=_WAIT,
            stop=tenacity.stop_when_event_set(self._closing),
            sleep=tenacity.sleep_using_event(self._closing),
            after=self._failed,
            reraise=True,
        )

    def _failed(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        trouble = str(explained(error) if isinstance(error, libvirt.libvirtError) else error)
        if trouble != self.trouble:
            logger.error("%s: %s", self.uri, trouble)
        self.trouble = trouble
        self._tried.set()

    def _open(self) -> Any:
        now = libvirt.open(self.uri)
        with contextlib.suppress(libvirt.libvirtError):  # drivers without a daemon have neither
            now.setKeepAlive(self._keepalive_seconds, KEEPALIVE_COUNT)
        with contextlib.suppress(libvirt.libvirtError):
            now.registerCloseCallback(self._closed, None)
        self._callback = now.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._told, None)
        return now

    def _hold(self, now: Any) -> None:
        self._now, self.trouble = now, ""
        self._do(self._opened)
        self._tried.set()
        while not (self._closing.is_set() or self._lost.wait(UPKEEP_SECONDS)):
            self._do(self._upkeep)
            self._see_whether_it_lives(now)
        self._now = None
        if not self._closing.is_set():
            self.trouble = "the connection to libvirt was lost: machines go on, and it is being opened again"
            logger.warning("%s: %s", self.uri, self.trouble)
        for let_go in (partial(now.domainEventDeregisterAny, self._callback), now.unregisterCloseCallback, now.close):
            with contextlib.suppress(libvirt.libvirtError):
                let_go()

    def _see_whether_it_lives(self, now: Any) -> None:
        try:
            alive = bool(now.isAlive())
        except libvirt.libvirtError:
            alive = False
        if not alive:
            self._lost.set()

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except PluginError as error:
            logger.warning("%s", error)
        except Exception:
            logger.exception("%s: unexpected trouble", self.uri)

    def _closed(self, connection: Any, reason: int, opaque: object) -> None:
        del connection, reason, opaque
        self._lost.set()

    def _told(self, connection: Any, domain: Any, event: int, detail: int, opaque: object) -> None:
        del connection, opaque
        try:
            self._lifecycle(domain.UUIDString(), event, detail)
        except Exception:
            logger.exception("an event of libvirt could not be handled")


def _nothing() -> None:
    """What is done where nobody wants anything done."""
