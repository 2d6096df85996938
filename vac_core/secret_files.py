"""Reading files that hold secrets: keys, passwords, credentials. One that others can read is no secret any more."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
"""Permissions of a file's group and of everybody."""
EVERYBODY: Final = stat.S_IRWXO


class SecretFileError(Exception):
    """A file cannot be used. The message names it and says why and the mend, and shows nothing of what is in it."""

    def __init__(self, message: str, *, seen: bool = False) -> None:
        super().__init__(message)
        self.seen = seen
        """Whether others can read it, so that the secret itself is to be changed."""


def read_secret_file(path: Path, most: int, *, closed_to: int = OTHERS, ours: bool = False) -> bytes:
    """At most so many octets of a plain file to which these permissions are not given; it never waits.

    With ``ours`` it must belong to root or to this process's user: its owner may at any time write another secret into
    it. Raises `SecretFileError`.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            about = os.fstat(file.fileno())
            mode = stat.S_IMODE(about.st_mode)
            if not stat.S_ISREG(about.st_mode):
                raise SecretFileError(f"{path} is not a plain file: name one that is")
            if mode & closed_to:
                who, mend = ("everybody", "o=") if closed_to == EVERYBODY else ("others", "0600")
                raise SecretFileError(f"{path} can be read by {who} (mode {mode:04o}): chmod {mend} {path}", seen=True)
            if ours and about.st_uid not in {0, os.geteuid()}:
                raise SecretFileError(f"{path} belongs to another user: let root or the factory's user own it")
            return file.read(most)
    except OSError as error:
        raise SecretFileError(
            f"{path} cannot be read: {error.strerror}: put it there, or mend its permissions"
        ) from error
