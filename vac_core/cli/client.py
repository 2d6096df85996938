"""Talking to the running factory: HTTP over its Unix socket, whose permissions say who may."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import attrs

from vac_core.cli.trouble import Trouble

SOCKET_PATH_MAX: Final = 107
"""Longest path of a Unix socket in octets: struct sockaddr_un holds 108 with the closing NUL, unix(7)."""

_DEADLINE_SECONDS: Final = 15.0


class NotRunning(Trouble):
    """No factory answers on the socket."""


@attrs.frozen
class Control:
    """The control service of one factory."""

    socket: Path

    def get(self, path: str) -> Any:
        """The JSON answer to a GET; raises `Trouble`, or `NotRunning` where no factory answers."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a POST of a JSON object; raises as `get` does."""
        return self._ask("POST", path, dict(body or {}))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        if len(os.fsencode(self.socket)) > SOCKET_PATH_MAX:
            raise Trouble(
                f"the path {self.socket} is longer than a Unix socket's may be ({SOCKET_PATH_MAX} octets): "
                "use a state directory with a shorter name"
            )
        try:
            status, raw = asyncio.run(self._exchange(method, path, body))
        except TimeoutError:
            raise Trouble(f"the factory at {self.socket} does not answer within {_DEADLINE_SECONDS:g} s") from None
        except OSError as error:
            raise unreachable(self.socket, error) from None
        return _answer(status, raw, path)

    async def _exchange(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        import aiohttp

        connector = aiohttp.UnixConnector(str(self.socket))
        timeout = aiohttp.ClientTimeout(total=_DEADLINE_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(method, f"http://factory{path}", json=body) as response,
            ):
                return response.status, await response.read()
        except aiohttp.ClientError as error:
            raise error if isinstance(error, OSError) else OSError(str(error) or type(error).__name__) from error


def unreachable(socket: Path, error: OSError) -> Trouble:
    """Why nobody could be asked on a socket, and the mend."""
    if error.errno in {errno.EACCES, errno.EPERM}:
        return Trouble(f"{socket}: permission denied: run this as the factory's user, such as with sudo")
    if error.errno in {errno.ENOENT, errno.ECONNREFUSED}:
        return NotRunning(
            f"no factory runs at {socket.parent}: start it with 'vac factory run', "
            "or name its state directory with --state-dir"
        )
    return Trouble(f"the factory at {socket} cannot be asked: {error.strerror or error}")


def _answer(status: int, raw: bytes, path: str) -> Any:
    try:
        answer = json.loads(raw)
    except ValueError:
        raise Trouble(f"the factory's answer to {path} (status {status}) is not JSON: is it another program?") from None
    if status >= HTTPStatus.BAD_REQUEST:
        said = answer.get("error") if isinstance(answer, dict) else None
        raise Trouble(str(said or f"the factory refused {path} with status {status}"))
    return answer
