"""Get a vacuum pipe or a user_data template over HTTP(S), from a server that may be slow, huge, hostile or gone.

One deadline holds for everything, the look-up of the host's name included, and one size limit. It blocks, so it is
called from worker threads. Certificates are checked against the host's trusted ones and, where the host has them,
those of the IGTF, which VOs' servers use (HSF-TN-2016-04, section 5). `opened` and `within` are for what is too large
for memory, such as `vac_core.images` gets.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from concurrent.futures import Future
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar

import aiohttp
import attrs
from yarl import URL

from vac_core import __version__
from vac_core.config.problems import public_url
from vac_core.interfaces import PluginError

IGTF_CERTIFICATES: Final = Path("/etc/grid-security/certificates")
USER_AGENT: Final = f"Vac {__version__}"
_MOST_REDIRECTS: Final = 5
_CHUNK: Final = 65536
_LAST_RESORT_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 60.0

T = TypeVar("T")


class FetchError(PluginError):
    """A URL could not be fetched. The message names it, without any password or query that it holds, and says why."""


@attrs.frozen(kw_only=True)
class Fetched:
    """What a server gave."""

    url: str
    """Where it was found in the end."""
    body: bytes | None = attrs.field(repr=False)
    """None where it has not been modified since the time or the tag that was given."""
    etag: str | None = None
    last_modified: str | None = None


@attrs.frozen(kw_only=True)
class _Wish:
    url: str
    deadline_seconds: float
    max_bytes: int
    etag: str | None
    last_modified: str | None

    @property
    def headers(self) -> dict[str, str]:
        """What asks only for content that is not had already."""
        condition = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in condition.items() if value is not None}


def fetch(
    url: str,
    *,
    deadline_seconds: float,
    max_bytes: int,
    etag: str | None = None,
    last_modified: str | None = None,
) -> Fetched:
    """Get a URL's content; raises `FetchError` where that cannot be had in time, whole, within ``max_bytes``.

    With ``etag`` or ``last_modified`` of an earlier answer, content that is the same is not sent again.
    """
    wish = _Wish(
        url=url, deadline_seconds=deadline_seconds, max_bytes=max_bytes, etag=etag, last_modified=last_modified
    )
    answer: Future[Fetched] = Future()
    # A name's look-up cannot be broken off: its thread may outlive the deadline, so nobody must have to wait for it.
    threading.Thread(target=asyncio.run, args=(_settle(wish, answer),), name="vac-fetch", daemon=True).start()
    try:
        return answer.result(deadline_seconds + _LAST_RESORT_SECONDS)
    except TimeoutError:
        raise fetch_error(url, f"there was no answer within {deadline_seconds:g} s") from None


async def _settle(wish: _Wish, answer: Future[Fetched]) -> None:
    try:
        answer.set_result(await within(wish.url, wish.deadline_seconds, _get(wish)))
    except PluginError as error:
        answer.set_exception(error)


async def within(url: str, deadline_seconds: float, work: Awaitable[T]) -> T:
    """Do what has to do with a URL within a deadline; raises `PluginError`, and `FetchError` for all that is none."""
    try:
        async with asyncio.timeout(deadline_seconds):
            return await work
    except PluginError:
        raise
    except aiohttp.ServerTimeoutError as error:
        raise fetch_error(url, _reason(error)) from error
    except TimeoutError:
        raise fetch_error(url, f"there was no whole answer within {deadline_seconds:g} s") from None
    except Exception as error:
        raise fetch_error(url, _reason(error)) from error


async def _get(wish: _Wish) -> Fetched:
    async with opened(wish.url, wish.headers) as response:
        conditional = bool(wish.etag or wish.last_modified)
        unchanged = response.status == HTTPStatus.NOT_MODIFIED and conditional
        if response.status != HTTPStatus.OK and not unchanged:
            raise unexpected(wish.url, response)
        return Fetched(
            url=str(response.url),
            body=None if unchanged else await _body(wish, response),
            etag=response.headers.get("ETag", wish.etag if unchanged else None),
            last_modified=response.headers.get("Last-Modified", wish.last_modified if unchanged else None),
        )


@contextlib.asynccontextmanager
async def opened(
    url: str, headers: Mapping[str, str], *, idle_seconds: float | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Ask for a URL, and give the answer, whatever its status, with its body still to be read.

    With ``idle_seconds`` a server that sends nothing for so long is left. Raises `FetchError`, and what aiohttp raises:
    call it in `within`. No compression is asked for, so that a small answer cannot become a huge one.
    """
    _check(url)
    given = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
    connector = aiohttp.TCPConnector(ssl=_trust(int(time.monotonic() / _TRUST_SECONDS)), force_close=True)
    patience = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=idle_seconds)
    async with (
        aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), timeout=patience
        ) as session,
        session.get(url, headers=given, max_redirects=_MOST_REDIRECTS) as response,
    ):
        _keep_safe(url, [one.url for one in response.history] + [response.url])
        yield response


async def chunks(url: str, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body of an answer as it comes; raises `FetchError` where it is compressed."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise fetch_error(url, "the server sent it compressed, though it was asked not to")
    async for chunk in response.content.iter_chunked(_CHUNK):
        yield chunk


async def _body(wish: _Wish, response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in chunks(wish.url, response):
        body += chunk
        if len(body) > wish.max_bytes:
            raise fetch_error(wish.url, f"it is larger than {wish.max_bytes} bytes")
    return bytes(body)


def _check(url: str) -> None:
    try:
        parsed = URL(url)
    except ValueError:
        raise fetch_error(url, "it is not a URL") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise fetch_error(url, "a URL must begin with http:// or https:// and a host's name")


def _keep_safe(asked: str, way: list[URL]) -> None:
    """Refuse an answer that was redirected from https to http."""
    if any(before.scheme == "https" != after.scheme for before, after in itertools.pairwise(way)):
        raise fetch_error(asked, f"it leads from https to {public_url(str(way[-1]))}")


@lru_cache(maxsize=1)
def _trust(_age: int) -> ssl.SSLContext:
    """Certificates are read once an hour: reading them takes longer than most fetches."""
    context = ssl.create_default_context()
    if IGTF_CERTIFICATES.is_dir():
        context.load_verify_locations(capath=str(IGTF_CERTIFICATES))
    return context


_TRUST_SECONDS: Final = 3600.0
_NO_WEB: Final = "it is, or leads to, something that is no http:// or https:// URL"
_REASONS: Final[Mapping[type[Exception], str]] = {
    aiohttp.TooManyRedirects: f"it is redirected more than {_MOST_REDIRECTS} times",
    aiohttp.InvalidURL: _NO_WEB,
    aiohttp.NonHttpUrlClientError: _NO_WEB,
    aiohttp.ServerTimeoutError: "the server says nothing any more",
    aiohttp.ClientPayloadError: "the connection ended before all of it had come",
    aiohttp.ClientResponseError: "the server's answer is not HTTP",
}


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0
        why = os.strerror(number) if number > 0 else str(error.os_error.strerror)
        return f"{error.host} cannot be reached: {why}"
    known = (reason for kind, reason in _REASONS.items() if isinstance(error, kind))
    return next(known, f"{type(error).__name__}: {error}")


def unexpected(url: str, response: aiohttp.ClientResponse) -> FetchError:
    """What to raise for an answer of a status that is of no use."""
    code = response.status
    status = f"{code} {HTTPStatus(code).phrase}" if code in set(HTTPStatus) else str(code)
    return fetch_error(url, f"the server answered {status}")


def fetch_error(url: str, why: str) -> FetchError:
    """What to raise where a URL cannot be fetched: it is named without what may be secret in it."""
    return FetchError(f"{public_url(url)} cannot be fetched: {why}")
