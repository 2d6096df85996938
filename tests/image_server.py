"""A real HTTP server on loopback that serves images as a good server does, or misbehaves as a test says."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import random
import re
import socket
import threading
import time
from email.utils import formatdate
from typing import Any

import attrs

Headers = dict[str, str]


@attrs.define
class Served:
    """One image and how it is served; a test changes the fields as it goes on."""

    content: bytes
    etag: str | None = '"one"'
    last_modified: str | None = formatdate(1_700_000_000, usegmt=True)
    ranges: bool = True
    conditions: bool = True
    """Whether If-None-Match and If-Modified-Since are heeded."""
    length: int | None = None
    """The Content-Length that is told, where it is not the true one; -1 for none."""
    status: int = 200
    cut_after: int | None = None
    """Octets after which a connection breaks."""
    cuts: int = 10**6
    """How many connections break."""
    hold_after: int | None = None
    """Octets after which the server waits until the test lets it go on."""
    extra: Headers = attrs.field(factory=dict)
    before_body: Any = None
    """Called before a body is sent."""

    def condition_holds(self, headers: Headers) -> bool:
        """Whether the client has this version already."""
        tags = [one.strip() for one in headers.get("If-None-Match", "").split(",")]
        if "If-None-Match" in headers:
            return self.etag is not None and self.etag in tags
        return self.last_modified is not None and headers.get("If-Modified-Since") == self.last_modified

    def start(self, headers: Headers) -> int | None:
        """The octet from which a range is asked for; None where all is to be sent."""
        match = re.fullmatch(r"bytes=(\d+)-", headers.get("Range", ""))
        if match is None or not self.ranges or headers.get("If-Range") not in {None, self.etag, self.last_modified}:
            return None
        return int(match[1])


class ImageServer:
    """Serves each path's image; counts what was asked and what was sent."""

    def __init__(self) -> None:
        self.images: dict[str, Served] = {}
        self.asked: list[tuple[str, Headers]] = []
        self.sent = 0
        self.holding = threading.Event()
        self.go_on = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                outer.asked.append((self.path, dict(self.headers)))
                with contextlib.suppress(OSError):
                    outer.answer(self)

            def log_message(self, *said: Any) -> None:
                """Say nothing."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def serve(self, path: str, content: bytes, **how: Any) -> str:
        """Serve an image; its URL."""
        self.images[path] = Served(content, **how)
        return self.url + path

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        served, headers = self.images[handler.path], dict(handler.headers)
        given = {"ETag": served.etag, "Last-Modified": served.last_modified, **served.extra}
        body, status = served.content, served.status
        start = served.start(headers)
        if served.conditions and served.condition_holds(headers) and status == 200:
            body, status = b"", 304
        elif start is not None and start >= len(body):
            body, status = b"", 416
        elif start is not None:
            given.setdefault("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body, status = body[start:], 206
        length = len(body) if served.length is None else served.length
        handler.send_response(status)
        for name, value in given.items():
            if value is not None:
                handler.send_header(name, value)
        if length >= 0 and status != 304:
            handler.send_header("Content-Length", str(length))
        handler.send_header("Connection", "close")
        handler.end_headers()
        if served.before_body is not None and body:
            served.before_body()
        self._send(handler, served, body)

    def _send(self, handler: http.server.BaseHTTPRequestHandler, served: Served, body: bytes) -> None:
        if served.cut_after is not None and served.cuts > 0 and len(body) > served.cut_after:
            served.cuts -= 1
            body = body[: served.cut_after]
        if served.hold_after is not None and body:
            self._write(handler, body[: served.hold_after])
            self.holding.set()
            self.go_on.wait(120)
            body = body[served.hold_after :]
        self._write(handler, body)

    def _write(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        handler.wfile.write(body)
        handler.wfile.flush()
        self.sent += len(body)

    def close(self) -> None:
        """End it, and all who wait."""
        self.go_on.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


def content(size: int, seed: int = 0) -> bytes:
    """Octets that look like nothing, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    """Its checksum."""
    return hashlib.sha256(data).hexdigest()


def closed_port() -> int:
    """A port of loopback at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


def wait_until(true: Any, seconds: float = 60.0) -> None:
    """Wait for something that has no event, such as another process's file."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)
