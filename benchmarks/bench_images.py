"""What the cache of images costs: a decision's question, a machine's lease, a check with the server, a download."""

from __future__ import annotations

import hashlib
import http.server
import os
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.table import Row
from vac_core.images import ImageCache
from vac_core.testing import settings

_ROUNDS = 200
_FETCHES = 5
_OCTETS = 200 * 10**6
_CHUNK = 2**16


def run() -> Iterator[Row]:
    """Measure with a server on loopback, in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="vac-bench-") as name:
        served = Path(name, "served")
        served.mkdir()
        (served / "small.img").write_bytes(os.urandom(10**6))
        _fill(served / "large.img")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield from _rows(Path(name), f"http://127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()
            server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *said: Any) -> None:
        """Say nothing."""


def _fill(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(_OCTETS // 10**6):
            file.write(os.urandom(10**6))


def _rows(directory: Path, url: str) -> Iterator[Row]:
    cache = ImageCache(directory / "cache", settings)
    small, large = f"{url}/small.img", f"{url}/large.img"
    cache.fetch(small)
    yield _row("images: state() of one that is ready", [_timed(lambda: cache.state(small)) for _ in range(_ROUNDS)])
    yield _row("images: lease() and release()", [_timed(partial(_lease, cache, small, n)) for n in range(_ROUNDS)])
    yield _row(
        "images: asking the server whether it is current", [_timed(lambda: cache.fetch(small)) for _ in range(20)]
    )
    fresh = [ImageCache(directory / f"fresh-{n}", settings) for n in range(_FETCHES)]
    yield _row(f"images: fetching {_OCTETS // 10**6} MB", [_timed(partial(one.fetch, large)) for one in fresh])
    to = directory / "plain"
    yield _row(
        "images: the same by urllib, written, hashed and synced", [_timed(lambda: _plain(large, to)) for _ in fresh]
    )


def _lease(cache: ImageCache, url: str, number: int) -> None:
    cache.lease(url, f"machine-{number}")
    cache.release(f"machine-{number}")


def _plain(url: str, to: Path) -> None:
    digest = hashlib.sha256()
    with urllib.request.urlopen(url) as answer, to.open("wb") as file:  # noqa: S310 - a URL of our own
        while chunk := answer.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin)


def _row(what: str, milliseconds: list[float]) -> Row:
    return Row(what=what, unit="ms", samples=milliseconds)
