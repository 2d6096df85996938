"""The pattern that the distinguished name (DN) of a signer must match.

A pattern comes from a VO, and Python's regular expressions can be made to run for ever, holding up the whole factory.
So a pattern may hold only what a DN needs: plain characters, ``\\.`` and the like, ``.``, ``[...]``, ``^`` and ``$``,
and at most two ``*``, ``+`` or ``?``. As in Vac 3 it may match anywhere in the DN unless ``^`` or ``$`` say otherwise.
"""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(r"\^|\$|(?:\\[^A-Za-z0-9]|\[\^?[^\[\]\\]+\]|[^\\\[\](){}|*+?^$])(?P<repeated>[*+?])?")
_MOST_REPEATED: Final = 2
_LONGEST_PATTERN: Final = 256
_LONGEST_DN: Final = 512


def matches(pattern: str, dn: str) -> bool:
    """Whether a DN is what it must be; raises ValueError for a pattern that may not be used."""
    return len(dn) <= _LONGEST_DN and compiled(pattern).search(dn) is not None


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern for DNs; raises ValueError with what is wrong and the mend."""
    at, repeated = 0, 0
    while at < len(pattern) <= _LONGEST_PATTERN and (match := _PIECE.match(pattern, at)):
        at = match.end()
        repeated += match["repeated"] is not None
    if at < len(pattern) or not pattern or repeated > _MOST_REPEATED:
        raise ValueError(
            f"{pattern} is no pattern for a DN: write a part of the DN, with \\. for a dot, . or [...] for any "
            f"character of some, and at most {_MOST_REPEATED} of * + ?"
        )
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern} is no pattern for a DN: {error}: write a part of the DN") from None
