"""Taking in what machines put into their joboutputs, within limits of number, size, time and pace."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol

import attrs
from aiohttp import web

from vac_core.config.schema import Settings
from vac_core.context.outputs import Limits, name_problem
from vac_core.factory.web.guests import Guest
from vac_core.factory.web.refusal import TOO_MANY, Disk, RefusedError
from vac_core.factory.web.spool import Spool, clear_uploads

MOST_AT_ONCE: Final = 4
"""Uploads of one machine that may be under way at one time."""

_CHUNK: Final = 262144
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_BROKEN_OFF: Final = (ConnectionError, web.RequestPayloadError)


class Body(Protocol):
    """The body of a request, as it arrives."""

    async def read(self, n: int = -1) -> bytes:
        """Up to ``n`` octets; none at the end."""


@attrs.define
class _Flight:
    """One machine's uploads that are under way."""

    uploads: int = 0
    octets: int = 0
    cleared: bool = False
    lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)


class Uploads:
    """All uploads that are under way."""

    def __init__(self, settings: Callable[[], Settings], disk: Disk, seconds: float) -> None:
        self._settings = settings
        self._disk = disk
        self._seconds = seconds
        self._flights: dict[str, _Flight] = {}

    async def take(self, guest: Guest, name: str, body: Body, length: int | None) -> None:
        """Take in one file: when this returns it is safely on disk.

        Raises `RefusedError`, and then joboutputs is as it was.
        """
        problem = name_problem(name)
        if problem:
            raise RefusedError(403, problem)
        limits = Limits.of(self._settings())
        flight = self._flights.setdefault(guest.machine_id, _Flight())
        if flight.uploads >= MOST_AT_ONCE:
            raise RefusedError(
                TOO_MANY, f"{MOST_AT_ONCE} uploads of this machine are under way: wait until one has ended"
            )
        if length is not None:
            _check_room(flight.octets + length, limits)
        flight.uploads += 1
        try:
            with _disk_errors():
                async with asyncio.timeout(self._seconds):
                    await self._spool(guest, name, body, flight, limits)
        except TimeoutError:
            raise RefusedError(408, f"the upload took longer than {self._seconds:g} s") from None
        finally:
            flight.uploads -= 1
            if not flight.uploads:
                self._flights.pop(guest.machine_id, None)

    async def _spool(self, guest: Guest, name: str, body: Body, flight: _Flight, limits: Limits) -> None:
        async with flight.lock:
            if not flight.cleared:
                await self._disk(partial(clear_uploads, guest.directory))
                flight.cleared = True
            spool = await self._disk(partial(Spool, guest.directory))
        received = 0
        try:
            while chunk := await body.read(_CHUNK):
                received += len(chunk)
                flight.octets += len(chunk)
                _check_room(flight.octets, limits)
                await self._disk(partial(spool.write, chunk))
            async with flight.lock:
                problem = await self._disk(partial(spool.keep, name, limits))
            if problem:
                raise RefusedError(413, problem)
        finally:
            flight.octets -= received
            await asyncio.shield(self._disk(spool.discard))


def _check_room(octets: int, limits: Limits) -> None:
    if octets > limits.octets:
        raise RefusedError(413, f"more than this machine may leave: {limits.octets} octets (joboutputs_max_mb)")


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except _BROKEN_OFF as error:
        raise RefusedError(400, "the upload broke off") from error
    except TimeoutError:
        raise
    except RecursionError as error:
        raise RefusedError(403, "joboutputs holds directories that are nested too deep") from error
    except OSError as error:
        status = 507 if error.errno in _NO_ROOM else 403
        raise RefusedError(status, f"the file cannot be kept: {error.strerror}") from error
