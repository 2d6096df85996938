"""Speaking with DiracX over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from vac_core.interfaces import PluginError
from vac_lhcb.diracx_access import LhcbPlugin, access_token

_log = logging.getLogger(__name__)

_DEADLINE: Final = aiohttp.ClientTimeout(total=30)
_OK: Final = 200
_ALREADY_THERE: Final = 409
_CHUNK: Final = 65536
_LATER: Final = frozenset({401, 408, 429})
"""Answers below 500 that may be others another time: the token is renewed, the server has less to do."""


def tell(options: LhcbPlugin, method: str, path: str, document: Mapping[str, Any]) -> None:
    """Send a document. Raises `PluginError` where it is worth another try; else what is refused is only logged."""
    asyncio.run(_told(options, method, path, document))


def ask(options: LhcbPlugin, url: str, deadline: float, most: int) -> bytes:
    """Get a document of at most ``most`` octets. Raises `PluginError`, which names no secret.

    The token goes to DiracX itself and to nobody else, wherever the document is.
    """
    return asyncio.run(_asked(options, url, aiohttp.ClientTimeout(total=deadline), most))


async def _asked(options: LhcbPlugin, url: str, deadline: aiohttp.ClientTimeout, most: int) -> bytes:
    own = options.diracx_url is not None and url.startswith(f"{options.diracx_url.rstrip('/')}/")
    try:
        async with (
            aiohttp.ClientSession(timeout=deadline, headers=_credential(options) if own else {}) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != _OK:
                raise PluginError(f"the answer was {answer.status}")
            content = bytearray()
            async for chunk in answer.content.iter_chunked(_CHUNK):
                content += chunk
                if len(content) > most:
                    raise PluginError(f"the answer is larger than {most} octets")
            return bytes(content)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise PluginError(f"it cannot be asked: {type(error).__name__}") from error


def _credential(options: LhcbPlugin) -> dict[str, str]:
    if options.diracx_token_file is None:
        return {}
    return {"Authorization": f"Bearer {access_token(Path(options.diracx_token_file))}"}


async def _told(options: LhcbPlugin, method: str, path: str, document: Mapping[str, Any]) -> None:
    url = f"{(options.diracx_url or '').rstrip('/')}{path}"
    try:
        async with (
            aiohttp.ClientSession(timeout=_DEADLINE, headers=_credential(options)) as session,
            session.request(method, url, json=document, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise PluginError(f"{method} {url}: {type(error).__name__}: {error}") from error
    if status >= 500 or status in _LATER:
        raise PluginError(f"{method} {url} answered {status}")
    if status >= 300 and status != _ALREADY_THERE:
        _log.warning("DiracX refused what it was told of a pilot: %s %s answered %s", method, url, status)
