"""Long-running programs in a box, ready when they say so to their service manager."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from vac_core.testing.box.box import DEADLINE, Box, BoxError

_READY: Final = b"READY=1"


def serve(
    at: Box, argv: Sequence[str | Path], *, log: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[Any]:
    """Start a program that tells systemd when it is ready, and wait until it does.

    What it prints goes to ``log``, a path in the box. Raises `BoxError`, with the end of that, where it does not come
    up.
    """
    told = f"/run/{Path(argv[0]).name}.notify"
    given = {**os.environ, "NOTIFY_SOCKET": told, **(environment or {})}
    with _listening(at, told) as listener, at.path(log).open("ab") as output:
        process = at.popen(argv, env=given, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        if fault := _awaited(process, listener):
            process.kill()
            said = at.path(log).read_text("utf-8", "replace")[-2000:]
            raise BoxError(f"{at.hostname}: {argv[0]} {fault}: {said}")
    return process


@contextmanager
def _listening(at: Box, path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        at.path(path).unlink(missing_ok=True)
        at.call(listener.bind, path)
        yield listener


def _awaited(process: subprocess.Popen[Any], listener: socket.socket) -> str:
    """Wait until a process says that it is ready; return what is wrong where it does not."""
    ended = os.pidfd_open(process.pid)
    sources: list[socket.socket | int] = [listener, ended]
    try:
        while heard := select.select(sources, [], [], DEADLINE)[0]:
            if listener not in heard:
                return f"ended with {process.wait()} before it was ready"
            if _READY in listener.recv(4096):
                return ""
        return f"was not ready in {DEADLINE:.0f} s"
    finally:
        os.close(ended)
