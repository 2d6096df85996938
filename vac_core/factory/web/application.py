"""The HTTP service for machines: features, outputs and metadata. It shows a machine what is its own, and no more.

A machine is known by its address, where it has one to itself, and finds everything at the root; or by the secret token
in its URLs, below ``/machines/TOKEN``. A token is refused to a machine whose address says that it is another.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from aiohttp import web

from vac_core import __version__
from vac_core.config.schema import Settings
from vac_core.context.listings import canonical, segments
from vac_core.context.outputs import JOBOUTPUTS
from vac_core.factory.features_files import JOBFEATURES, MACHINEFEATURES
from vac_core.factory.web.allowance import Allowance
from vac_core.factory.web.files import feature, metadata, output, session_token
from vac_core.factory.web.guests import Guest, Guests
from vac_core.factory.web.refusal import NOT_FOUND, TOO_MANY, Disk, RefusedError
from vac_core.factory.web.uploads import Uploads

_log = logging.getLogger(__name__)

UPLOAD_SECONDS: Final = 300.0
_FEATURES: Final = frozenset({MACHINEFEATURES, JOBFEATURES})
_READS: Final = frozenset({"GET", "HEAD"})
_TOKEN_PATH: Final = ("latest", "api", "token")


def build(
    guests: Guests, settings: Callable[[], Settings], *, upload_seconds: float = UPLOAD_SECONDS
) -> web.Application:
    """Make the service; `vac_core.factory.web.listener` lets it listen."""
    service = _Service(guests, settings, upload_seconds)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.answer)
    app.on_response_prepare.append(_name_ourselves)
    app.cleanup_ctx.append(service.threads)
    return app


class _Service:
    def __init__(self, guests: Guests, settings: Callable[[], Settings], upload_seconds: float) -> None:
        self._guests = guests
        self._disk = Disk()
        self._uploads = Uploads(settings, self._disk, upload_seconds)
        self._machines = Allowance(per_second=100.0, burst=500)
        self._strangers = Allowance(per_second=1.0, burst=20)

    async def threads(self, _app: web.Application) -> AsyncIterator[None]:
        """Keep the threads for as long as the service lives."""
        yield
        self._disk.close()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer any request, or refuse it."""
        try:
            guest, parts = self._admit(request)
            return await self._serve(request, guest, parts)
        except RefusedError as refusal:
            _log.debug("%s %s refused: %s", request.method, request.remote, refusal)
            return refusal.response()

    def _admit(self, request: web.Request) -> tuple[Guest, tuple[str, ...]]:
        parts = segments(request.path)
        address = plain_address(request.remote)
        guest, parts = self._recognise(address, parts) if parts is not None else (None, ())
        now = asyncio.get_running_loop().time()
        allowed = self._strangers.take(address, now) if guest is None else self._machines.take(guest.machine_id, now)
        if not allowed:
            raise RefusedError(TOO_MANY, "too many requests: ask again later")
        if guest is None:
            raise RefusedError(NOT_FOUND, "no machine of this factory is known by this address or path")
        return guest, parts

    def _recognise(self, address: str, parts: tuple[str, ...]) -> tuple[Guest | None, tuple[str, ...]]:
        here = self._guests.by_address(address)
        if parts[:1] != ("machines",):
            return here, parts
        guest = self._guests.by_token(parts[1]) if len(parts) > 1 else None
        if guest is not None and here is not None and here.machine_id != guest.machine_id:
            _log.warning("machine %s used the URL of machine %s: refused", here.machine_id, guest.machine_id)
            return None, ()
        return guest, parts[2:]

    async def _serve(self, request: web.Request, guest: Guest, parts: tuple[str, ...]) -> web.StreamResponse:
        kind = parts[0] if parts else ""
        if request.method == "PUT":
            return await self._put(request, guest, parts)
        if request.method not in _READS:
            raise RefusedError(405, f"{request.method} is not served: use GET, or PUT below {JOBOUTPUTS}/")
        if kind in _FEATURES:
            return await feature(guest, parts, self._disk)
        if kind == JOBOUTPUTS:
            return await output(request, guest, parts, self._disk)
        return await metadata(guest, parts, self._disk)

    async def _put(self, request: web.Request, guest: Guest, parts: tuple[str, ...]) -> web.StreamResponse:
        if canonical(parts) == _TOKEN_PATH:
            return session_token(request)
        if len(parts) != 2 or parts[0] != JOBOUTPUTS:
            raise RefusedError(403, f"nothing can be put here: only {JOBOUTPUTS}/NAME can be")
        await self._uploads.take(guest, parts[1], request.content, request.content_length)
        return web.Response(status=201)


def plain_address(remote: str | None) -> str:
    """The shortest spelling of a peer's IP address, without a zone; an IPv4 address that came as IPv6 is IPv4 again."""
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


async def _name_ourselves(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = f"Vac/{__version__}"
    response.headers["Cache-Control"] = "no-store"
