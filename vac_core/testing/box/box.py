"""A factory host of one's own: a process tree with mounts, network, host name and process ids apart from the host's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, ParamSpec, TypeVar

import attrs

from vac_core.testing.box.namespaces import enter

P = ParamSpec("P")
R = TypeVar("R")

DEADLINE: Final = 60.0
"""Seconds that anything in a box may take before one gives up on it: far more than it needs on a quiet host."""

_PID_ONE: Final = Path(__file__).with_name("pid_one.py")
_UNSHARE: Final = ("--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child")


class BoxError(Exception):
    """A box, or something in it, did not come up."""


def unavailable(*programs: str) -> str:
    """Why boxes that run these programs cannot be had on this host; empty where they can."""
    if os.geteuid() != 0:
        return "a host of one's own in namespaces needs root"
    if lacking := [name for name in ("unshare", "mount", "ip", *programs) if shutil.which(name) is None]:
        return f"no {', '.join(lacking)} here: install what brings it"
    tried = subprocess.run([_program("unshare"), *_UNSHARE, "true"], capture_output=True, text=True, check=False)
    return f"this host gives no namespaces: {tried.stderr.strip()}" if tried.returncode else ""


@attrs.define(eq=False)
class Box:
    """A box that is open. Everything that runs in it ends with it."""

    hostname: str
    pid: int
    """Its PID 1, as the rest of the host numbers it."""
    _thread: ThreadPoolExecutor
    _parent: ThreadPoolExecutor
    _started: list[subprocess.Popen[Any]] = attrs.field(factory=list)
    _closers: list[Callable[[], object]] = attrs.field(factory=list)

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call something short in the box: sockets that it opens are in the box's network, paths are the box's.

        Threads that it starts live in the box too.
        """
        return self._thread.submit(function, *args, **kwargs).result()

    def popen(self, argv: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
        """Start a process in the box. Its ``pid`` is the host's number for it, so it can be sent signals from here."""
        start: Callable[..., subprocess.Popen[Any]] = subprocess.Popen
        process = self._parent.submit(start, [str(word) for word in argv], **options).result()
        self._started.append(process)
        return process

    def run(self, argv: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in the box to its end. Raises `BoxError`, with what it said, where it fails."""
        usual = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = self.popen(argv, **{**usual, **options})
        try:
            out, err = process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        if process.returncode != 0:
            raise BoxError(f"{self.hostname}: {' '.join(map(str, argv))} ended with {process.returncode}: {err}{out}")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def path(self, inside: str | Path) -> Path:
        """How the rest of the host reaches a file or socket of the box, such as ``/run/docker.sock``."""
        return Path(f"/proc/{self.pid}/root") / Path(inside).relative_to("/")

    def on_close(self, action: Callable[[], object]) -> None:
        """Have something done when all that ran in the box has ended; the latest first."""
        self._closers.append(action)

    def _wait_for_all(self) -> None:
        for process in self._started:
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@contextmanager
def box(hostname: str = "wn01.vac.test", empty: Sequence[str] = ()) -> Iterator[Box]:
    """Open a box, with nothing in these directories of it; close it in the end, whatever runs there."""
    python = [sys.executable, "-I", str(_PID_ONE), hostname, *empty]
    opened = subprocess.Popen(
        [_program("unshare"), *_UNSHARE, "--", *python], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with opened, ThreadPoolExecutor(1) as thread, ThreadPoolExecutor(1) as parent:
        _await_ready(opened.stdout, hostname)
        one = Box(hostname, _only_child(opened.pid), thread, parent)
        thread.submit(enter, one.pid, as_parent=False).result()
        parent.submit(enter, one.pid, as_parent=True).result()
        try:
            yield one
        finally:
            if opened.stdin is not None:
                opened.stdin.close()
            # PID 1 lets go only when everybody's child in the box is reaped: ours first.
            one._wait_for_all()
            opened.wait()
            for action in reversed(one._closers):
                action()


def _await_ready(said: IO[str] | None, hostname: str) -> None:
    if said is None or said.readline() != "ready\n":
        raise BoxError(f"the box {hostname} did not come up: what it said is on standard error")


def _only_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()[0])


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BoxError(f"no {name} here: install it")
    return found
