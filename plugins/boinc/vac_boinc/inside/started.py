"""BOINC's client, or an application, as a process of its own: where it works, as which user, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

STOP_SECONDS = 45
"""How long the client may take to abort its tasks and report them."""
_WANTED = 1 << 0 | 1 << 6 | 1 << 7
"""CAP_CHOWN, CAP_SETGID and CAP_SETUID: capabilities(7)."""


def directory_below(parents: Iterable[str]) -> Path | None:
    """A new directory that is nobody else's, in the first of these that can be written to."""
    for parent in parents:
        if os.access(parent, os.W_OK):
            return Path(tempfile.mkdtemp(prefix="boinc-", dir=Path(parent).resolve()))
    return None


class Owner:
    """The user whose client it is: the one of this name, or this process's own where it may not be another's."""

    def __init__(self, name: str) -> None:
        self._entry: pwd.struct_passwd | None = None
        if name and _can_change_user():
            with contextlib.suppress(KeyError):
                self._entry = pwd.getpwnam(name)

    def give(self, directory: Path) -> None:
        """Let the user have a directory and the files in it."""
        if self._entry is not None:
            for path in (directory, *directory.iterdir()):
                os.chown(path, self._entry.pw_uid, self._entry.pw_gid)

    def start(self, command: list[str], directory: Path, log: BinaryIO) -> subprocess.Popen[bytes]:
        """Start a program there as that user.

        It has a process group of its own: whoever asks this process's group to end asks neither it nor what it has
        started, such as a client's tasks, which are to be aborted and reported, and not to fail. It stays in this
        process's session, by which the factory knows what a machine uses.
        """
        options: dict[str, Any] = {}
        if self._entry is not None:
            groups = os.getgrouplist(self._entry.pw_name, self._entry.pw_gid)
            options = {"user": self._entry.pw_uid, "group": self._entry.pw_gid, "extra_groups": groups}
        return subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=os.setpgrp,  # noqa: PLW1509 - no thread runs yet, and not every Python knows process_group
            **options,
        )


def end(client: subprocess.Popen[bytes]) -> int:
    """Have the client report what it aborts, and end; one that does not is killed. Nothing of it goes on."""
    if client.poll() is None:
        client.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        client.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(client.pid, signal.SIGKILL)
    return client.wait()


def _can_change_user() -> bool:
    """Whether this process may hand files and programs to another user: root of a container often may not."""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    held = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
    return held & _WANTED == _WANTED
