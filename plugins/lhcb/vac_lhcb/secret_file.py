"""A secret that is one word in a file of its own, as DiracX's for pilots that nobody sent."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from vac_grid.terms import CredentialError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MOST_OCTETS: Final = 4096
_WORD: Final = re.compile(rb"[!-~]{16,}")


def read_secret(path: Path) -> bytes:
    """The word. Raises `CredentialError`, which never shows it, where others can read it or it is no such word."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise CredentialError(f"{path} is not a plain file: name one that is")
            if mode & _OTHERS:
                raise CredentialError(f"{path} holds a secret that others can reach: chmod 0600 {path}")
            content = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise CredentialError(
            f"{path} cannot be read: {error.strerror}: put it there, or mend its permissions"
        ) from error
    word = content.strip()
    if len(content) > _MOST_OCTETS or not _WORD.fullmatch(word):
        raise CredentialError(
            f"{path} holds no secret: it must be one word of 16 to {_MOST_OCTETS} visible ASCII characters"
        )
    return word
