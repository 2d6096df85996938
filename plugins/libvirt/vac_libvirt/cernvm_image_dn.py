"""Distinguished names of signers, and the pattern that one must match.

A pattern comes from a VO, and Python's regular expressions can be made to run for ever, holding up the whole factory.
So a pattern may hold only what a DN needs: plain characters, ``\\.`` and the like, ``.``, ``[...]``, ``^`` and ``$``,
and at most two ``*``, ``+`` or ``?``. As in Vac 3 it may match anywhere in the DN unless ``^`` or ``$`` say otherwise.
"""

from __future__ import annotations

import re
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

_PIECE: Final = re.compile(r"\^|\$|(?:\\[^A-Za-z0-9]|\[\^?[^\[\]\\]+\]|[^\\\[\](){}|*+?^$])(?P<repeated>[*+?])?")
_MOST_REPEATED: Final = 2
_LONGEST_PATTERN: Final = 256
_LONGEST_DN: Final = 512
_SHORT: Final = {
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COMMON_NAME: "CN",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.USER_ID: "UID",
    NameOID.SERIAL_NUMBER: "serialNumber",
}


def dn_of(name: x509.Name) -> str:
    """A name as the grid writes it, ``/DC=ch/CN=name``; a slash in a value is doubled, so that none can pose."""
    parts = ((_SHORT.get(one.oid, one.oid.dotted_string), str(one.value)) for one in name)
    return "".join(f"/{key}={value.replace('/', '//')}" for key, value in parts)


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
