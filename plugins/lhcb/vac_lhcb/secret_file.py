"""A secret that is one word in a file of its own, as DiracX's for pilots that nobody sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vac_grid.terms import CredentialError

from vac_core.secret_files import SecretFileError, read_secret_file

_MOST_OCTETS: Final = 4096
_WORD: Final = re.compile(rb"[!-~]{16,}")


def read_secret(path: Path) -> bytes:
    """The word. Raises `CredentialError`, which never shows it, where others can read it or it is no such word."""
    try:
        content = read_secret_file(path, _MOST_OCTETS + 1)
    except SecretFileError as error:
        raise CredentialError(str(error)) from error
    word = content.strip()
    if len(content) > _MOST_OCTETS or not _WORD.fullmatch(word):
        raise CredentialError(
            f"{path} holds no secret: it must be one word of 16 to {_MOST_OCTETS} visible ASCII characters"
        )
    return word
