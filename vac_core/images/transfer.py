"""The HTTP of images: ask whether there is a newer one, and take in what comes, on from where it broke off.

RFC 9110: conditional requests (section 13), ranges (section 14).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import aiohttp
import attrs

from vac_core.fetch import FetchError, chunks, fetch_error, opened, unexpected
from vac_core.images.part import Part
from vac_core.images.records import Validators
from vac_core.images.values import shown_size

_IDLE_SECONDS: Final = 60.0
_LEAST_GAIN: Final = 65536
"""Octets that a connection must have brought so that another one is made at once."""
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@attrs.frozen(kw_only=True)
class Transfer:
    """One URL that is to be brought into a part."""

    url: str
    part: Part
    max_octets: int
    known: Validators
    """Of the image that is here already; empty where there is none."""
    needs_validators: bool
    """Whether it must be possible to tell later whether it is current."""
    admit: Callable[[int | None], None]
    """Asked, with the whole size where that is known, before anything is written; raises where it may not come."""
    renewed: Callable[[], None]
    """Called when the server is known to have another image than the one here."""
    stop: threading.Event

    async def run(self) -> bool:
        """Bring it; False where the image that is here is the current one. Raises `PluginError` and aiohttp's errors.

        A connection that brought something before it broke is followed by another, which goes on from there.
        """
        best = 0
        while True:
            try:
                if not self.part.whole and not await self._connect():
                    return False
                await self._confirm()
            except aiohttp.ClientError:
                if self.part.octets < best + _LEAST_GAIN:
                    raise
                best = self.part.octets
            else:
                return True

    async def _connect(self) -> bool:
        offset, wanted = self.part.octets, self.part.record.validators.range_condition
        resuming = bool(offset and wanted)
        headers = {"Range": f"bytes={offset}-", "If-Range": str(wanted)} if resuming else self.known.condition
        async with opened(self.url, headers, idle_seconds=_IDLE_SECONDS) as response:
            if response.status == HTTPStatus.NOT_MODIFIED and self.known.known and not resuming:
                return False
            if response.status == HTTPStatus.OK and self.known.same(validators(response)):
                return False
            if not (resuming and response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
                await self._receive(response, resuming=resuming)
                return True
        # What had come of it is no part of what the server has now: without it no range is asked for.
        self.part.discard()
        return await self._connect()

    async def _receive(self, response: aiohttp.ClientResponse, *, resuming: bool) -> None:
        if response.status == HTTPStatus.PARTIAL_CONTENT and resuming:
            self._go_on(response)
        elif response.status == HTTPStatus.OK:
            self._begin(response)
        else:
            raise unexpected(self.url, response)
        await self._take(response)

    def _begin(self, response: aiohttp.ClientResponse) -> None:
        """Take in a new version from its start."""
        self.part.discard()
        if self.known.known:
            self.renewed()
        found = validators(response)
        if self.needs_validators and not found.known:
            raise fetch_error(
                self.url,
                "the server sends neither ETag nor Last-Modified, so nobody can tell whether it is current: "
                "have it send one, or give root_image_sha256",
            )
        self._admit(response.content_length)
        self.part.begin(found, response.content_length, time.time())

    def _go_on(self, response: aiohttp.ClientResponse) -> None:
        """Take in the rest of the version of which a part is here."""
        record = self.part.record
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        total = None if match is None or match[2] == "*" else int(match[2])
        found = validators(response)
        changed = found.known and not record.validators.same(found)
        if match is None or int(match[1]) != self.part.octets or record.total not in {None, total} or changed:
            self.part.discard()
            raise fetch_error(self.url, "the server sent another part than it was asked for: it is begun anew")
        self._admit(total)
        self.part.begin(record.validators, total, time.time())

    def _admit(self, total: int | None) -> None:
        if total is not None and total > self.max_octets:
            raise self._too_large(total)
        self.admit(total)

    async def _take(self, response: aiohttp.ClientResponse) -> None:
        async for chunk in chunks(self.url, response):
            if self.part.octets + len(chunk) > self.max_octets:
                self.part.discard()
                raise self._too_large(None)
            self.part.add(chunk)
            if self.stop.is_set():
                raise fetch_error(self.url, "it was broken off; it goes on from there the next time")
        if self.part.record.total not in {None, self.part.octets}:
            raise aiohttp.ClientPayloadError("the connection ended early")
        if not self.part.octets:
            raise fetch_error(self.url, "it is empty")

    async def _confirm(self) -> None:
        """See that the server still has what came: its file may have been written while it was sent."""
        came = self.part.record.validators
        if not came.known:
            return
        async with opened(self.url, came.condition, idle_seconds=_IDLE_SECONDS) as response:
            same = response.status == HTTPStatus.OK and came.same(validators(response))
            if response.status == HTTPStatus.NOT_MODIFIED or same:
                return
            if response.status != HTTPStatus.OK:
                raise unexpected(self.url, response)
        self.part.discard()
        raise fetch_error(self.url, "it changed on the server while it was being fetched: it is begun anew")

    def _too_large(self, total: int | None) -> FetchError:
        size = "" if total is None else f"{shown_size(total)}, "
        return fetch_error(self.url, f"it is {size}larger than {shown_size(self.max_octets)} (image_max_gb)")


def validators(response: aiohttp.ClientResponse) -> Validators:
    """Those of an answer."""
    return Validators(etag=response.headers.get("ETag"), last_modified=response.headers.get("Last-Modified"))
