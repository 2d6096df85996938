"""The connection to an engine: made when it is first needed, made anew after it broke, shared by all threads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from vac_docker.errors import EngineGoneError, asking
from vac_docker.facts import Facts, facts

_TIMEOUT_SECONDS: Final = 60
"""Silence after which the engine is taken to hang; most answers come within milliseconds."""
_POOL: Final = 32
"""Connections that are kept open for so many threads at one time."""
_FACTS_SECONDS: Final = 60.0


class Engine:
    """One engine by its socket."""

    def __init__(self, address: str) -> None:
        self.socket = address
        self._lock = threading.Lock()
        self._client: Any = None
        self._facts: tuple[float, Facts] | None = None

    @contextmanager
    def asked(self, what: str) -> Iterator[Any]:
        """The client, while it is asked something; raises `EngineError`, and `EngineGoneError` where it is silent."""
        try:
            with asking(what, self.socket):
                yield self._connected()
        except EngineGoneError:
            self._facts = None  # it may be another version when it comes again
            raise

    def client(self, timeout: float | None) -> Any:
        """A client of its own for something that takes its time; close it afterwards. Raises as `asked` does."""
        with asking("connecting", self.socket):
            return _client(self.socket, version=self._connected().api_version, timeout=timeout)

    def facts(self) -> Facts:
        """What it says of itself, at most a minute old."""
        known = self._facts
        if known is not None and time.monotonic() - known[0] < _FACTS_SECONDS:
            return known[1]
        with self.asked("asking what it is") as client:
            found = facts(client.version(), client.info(), client.api_version)
        self._facts = (time.monotonic(), found)
        return found

    def _connected(self) -> Any:
        self._knock()
        with self._lock:
            if self._client is None:
                self._client = _client(
                    self.socket, version="auto", timeout=_TIMEOUT_SECONDS, num_pools=_POOL, max_pool_size=_POOL
                )
            return self._client

    def _knock(self) -> None:
        """Raise `OSError` where nobody listens: the library would leave a socket open then, and hide the reason."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
            visitor.settimeout(_TIMEOUT_SECONDS)
            visitor.connect(self.socket.removeprefix("unix://"))

    def close(self) -> None:
        """Let go of its connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None


def _client(address: str, **how: Any) -> Any:
    import docker  # noqa: PLC0415 - large, and of no use where there is no engine

    return docker.APIClient(base_url=address, **how)
