"""The connection to libvirt, kept open: opened again with growing patience whenever it is lost."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import attrs
import libvirt
import tenacity

from vac_core.interfaces import PluginError
from vac_libvirt.errors import UnreachableError, explained, is_lost
from vac_libvirt.event_loop import do_in_loop, ensure_running

logger = logging.getLogger(__name__)

KEEPALIVE_SECONDS: Final = 5
KEEPALIVE_COUNT: Final = 3
"""A libvirtd that answers nothing for so many intervals is given up, and calls that wait for it fail."""

UPKEEP_SECONDS: Final = 60.0
_WAIT: Final = tenacity.wait_exponential(multiplier=0.1, max=10.0)


@attrs.define(eq=False)
class _Opened:
    """One opening of it. A notice of loss is for the opening that it came of, and no later one."""

    libvirtd: Any
    lost: threading.Event
    callback: int = -1

    def let_go(self) -> None:
        """Have libvirt tell no more, and drop it: it is closed when the last call that uses it has returned.

        It must not be closed under such a call, nor while libvirt is telling of its end.
        """
        for stop in (
            partial(self.libvirtd.domainEventDeregisterAny, self.callback),
            self.libvirtd.unregisterCloseCallback,
        ):
            with contextlib.suppress(libvirt.libvirtError):
                stop()
        self.libvirtd = None


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
        self._now: _Opened | None = None
        self._tried = threading.Event()
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
        if (now := self._now) is not None:
            now.lost.set()
        if self._keeper.is_alive():
            self._keeper.join(KEEPALIVE_SECONDS)

    @contextlib.contextmanager
    def use(self, what: str = "") -> Iterator[Any]:
        """The open connection, a ``libvirt.virConnect``.

        Raises `UnreachableError` where there is none or it is lost meanwhile, and `RefusedError` for any other error
        of libvirt that is not caught inside; ``what`` says what was being done.
        """
        now = self._now
        libvirtd = None if now is None else now.libvirtd
        if now is None or libvirtd is None:
            raise UnreachableError(self.trouble)
        try:
            yield libvirtd
        except libvirt.libvirtError as error:
            if is_lost(error):
                now.lost.set()
            raise explained(error, what) from error

    def _keep(self) -> None:
        while not self._closing.is_set():
            try:
                opened = self._retrying()(self._open)
            except Exception:  # noqa: BLE001 - it has been told of, and this is the end of trying
                break
            self._hold(opened)

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

    def _open(self) -> _Opened:
        libvirtd, lost = libvirt.open(self.uri), threading.Event()
        with contextlib.suppress(libvirt.libvirtError):  # drivers without a daemon have neither
            libvirtd.setKeepAlive(self._keepalive_seconds, KEEPALIVE_COUNT)
        with contextlib.suppress(libvirt.libvirtError):
            libvirtd.registerCloseCallback(_closed, lost)
        told = libvirtd.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._told, None)
        return _Opened(libvirtd, lost, told)

    def _hold(self, opened: _Opened) -> None:
        self._now, self.trouble = opened, ""
        self._do(self._opened)
        self._tried.set()
        while not (self._closing.is_set() or opened.lost.wait(UPKEEP_SECONDS)):
            self._do(self._upkeep)
            if not _lives(opened.libvirtd):
                opened.lost.set()
        self._now = None
        if self._closing.is_set():
            opened.let_go()
            return
        self.trouble = "the connection to libvirt was lost: machines go on, and it is being opened again"
        logger.warning("%s: %s", self.uri, self.trouble)
        # libvirt may be telling of the loss at this moment, from its event loop; what is done there comes after it.
        do_in_loop(opened.let_go)

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except PluginError as error:
            logger.warning("%s", error)
        except Exception:
            logger.exception("%s: unexpected trouble", self.uri)

    def _told(self, connection: Any, domain: Any, event: int, detail: int, opaque: object) -> None:
        del connection, opaque
        try:
            self._lifecycle(domain.UUIDString(), event, detail)
        except Exception:
            logger.exception("an event of libvirt could not be handled")


def _closed(connection: Any, reason: int, lost: threading.Event) -> None:
    del connection, reason
    lost.set()


def _lives(libvirtd: Any) -> bool:
    try:
        return bool(libvirtd.isAlive())
    except libvirt.libvirtError:
        return False


def _nothing() -> None:
    """What is done where nobody wants anything done."""
