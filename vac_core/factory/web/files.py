"""What the HTTP service shows a guest: its features, its metadata, and its own outputs."""

from __future__ import annotations

import html
import os
import secrets
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from aiohttp import web

from vac_core.context.features import KEY
from vac_core.context.listings import canonical, listing
from vac_core.context.outputs import JOBOUTPUTS, name_problem
from vac_core.factory.outputs import output_names
from vac_core.factory.web.guests import METADATA, Guest
from vac_core.factory.web.refusal import NOT_FOUND, Disk, RefusedError
from vac_core.guest_files import open_plain

TOKEN_TTL_HEADER: Final = "X-aws-ec2-metadata-token-ttl-seconds"  # noqa: S105 - a header's name

_CHUNK: Final = 262144
_MOST_LISTED: Final = 10000


async def feature(guest: Guest, parts: tuple[str, ...], disk: Disk) -> web.StreamResponse:
    """A key of machinefeatures or jobfeatures, or the list of keys (HSF-TN-2016-02)."""
    directory = guest.directory / parts[0]
    if len(parts) == 1:
        names = await disk(partial(output_names, directory, _MOST_LISTED))
        return _links(guest, parts[0], filter(KEY.fullmatch, names))
    if len(parts) != 2:
        raise _nothing()
    return _plain(parts, await disk(partial(_content, directory, parts[1])))


async def output(request: web.Request, guest: Guest, parts: tuple[str, ...], disk: Disk) -> web.StreamResponse:
    """A file that the machine has left in its joboutputs, or the list of them."""
    directory = guest.directory / JOBOUTPUTS
    if len(parts) == 1:
        names = await disk(partial(output_names, directory, _MOST_LISTED))
        return _links(guest, JOBOUTPUTS, (name for name in names if name_problem(name) is None))
    file = None
    if len(parts) == 2 and name_problem(parts[1]) is None:
        file = await disk(partial(open_plain, directory, parts[1]))
    if file is None:
        raise _nothing()
    with file:
        return await _stream(request, file, disk)


async def metadata(guest: Guest, parts: tuple[str, ...], disk: Disk) -> web.StreamResponse:
    """A file of the metadata tree, or what a directory of it shows."""
    asked = canonical(parts)
    return _plain(asked, await disk(partial(_metadata, guest.directory / METADATA, asked)))


def session_token(request: web.Request) -> web.Response:
    """A token for EC2's metadata service, version 2: readers insist on one, though who asks is known without it."""
    seconds = request.headers.get(TOKEN_TTL_HEADER, "21600")
    return web.Response(text=secrets.token_urlsafe(32), headers={TOKEN_TTL_HEADER: seconds[:16]})


def _nothing() -> RefusedError:
    return RefusedError(NOT_FOUND, "there is nothing here for this machine")


def _content(directory: Path, name: str) -> bytes:
    file = open_plain(directory, name)
    if file is None:
        raise _nothing()
    with file:
        return file.read()


def _metadata(tree: Path, asked: tuple[str, ...]) -> bytes:
    place = tree.joinpath(*asked)
    try:
        with os.scandir(place) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    except NotADirectoryError:
        return _content(place.parent, place.name)
    except OSError:
        raise _nothing() from None
    files = (name for name, is_directory in found if not is_directory)
    return listing(asked, files, [name for name, is_directory in found if is_directory]).encode()


def _plain(parts: tuple[str, ...], body: bytes) -> web.Response:
    kind = "application/json" if parts and parts[-1].endswith(".json") else "text/plain"
    return web.Response(body=body, content_type=kind)


def _links(guest: Guest, directory: str, names: Iterable[str]) -> web.Response:
    base = f"{guest.http_base}/{directory}"
    items = "".join(f'<li><a href="{html.escape(f"{base}/{name}")}">{html.escape(name)}</a></li>\n' for name in names)
    return web.Response(text=f"<ul>\n{items}</ul>\n", content_type="text/html")


async def _stream(request: web.Request, file: BinaryIO, disk: Disk) -> web.StreamResponse:
    left = os.fstat(file.fileno()).st_size
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream", "Content-Length": str(left)})
    await response.prepare(request)
    while left and request.method != "HEAD":
        chunk = await disk(partial(file.read, min(left, _CHUNK)))
        if not chunk:
            response.force_close()  # the machine has cut the file short under our hands
            break
        await response.write(chunk)
        left -= len(chunk)
    return response
