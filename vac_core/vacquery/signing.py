"""Signatures by the space's shared key: HMAC-SHA256 over a message's octets, with a time and a nonce.

They stand in added keys at the message's end, which Vac 3 ignores::

    ... ,"signed_at":1795467888,"nonce":"0123456789abcdef","hmac":"<64 hexadecimal digits>"}

The HMAC covers all octets before ``,"hmac"``, so that nothing depends on how JSON is written. A signature is good for
`LIFE_SECONDS` and, as receivers remember those they have taken, only once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from typing import Final

from vac_core.vacquery.refusal import MessageError, Refusal

LIFE_SECONDS: Final = 60
"""How far a signature's time may be from the receiver's clock, either way."""

LEAST_KEY_OCTETS: Final = 16
"""A shorter key is refused: it could be guessed."""

_REMEMBERED_MAX: Final = 200_000
_TAIL = re.compile(rb',"signed_at":([0-9]{1,12}),"nonce":"[0-9a-f]{16}"(,"hmac":"([0-9a-f]{64})"\})\Z')
_TAIL_MAX: Final = 160

SIGNATURE_OCTETS: Final = len(',"signed_at":123456789012,"nonce":"","hmac":""') + 16 + 64
"""Most octets that signing adds."""


def sign(raw: bytes, key: bytes, now: float, nonce: str) -> bytes:
    """An encoded message with its signature; ``nonce`` is 16 hexadecimal digits that were never used before."""
    covered = b'%b,"signed_at":%d,"nonce":"%b"' % (raw[:-1], int(now), nonce.encode("ascii"))
    return b'%b,"hmac":"%b"}' % (covered, _hmac(covered, key))


def verify(raw: bytes, key: bytes, now: float) -> str:
    """Check a message's signature and return it; raises `MessageError` if it is absent, wrong or not fresh."""
    match = _TAIL.search(raw, max(0, len(raw) - _TAIL_MAX))
    if match is None:
        raise MessageError(Refusal.UNSIGNED)
    if not hmac.compare_digest(match[3], _hmac(raw[: match.start(2)], key)):
        raise MessageError(Refusal.WRONG_SIGNATURE)
    if abs(now - int(match[1])) > LIFE_SECONDS:
        raise MessageError(Refusal.STALE, f"its clock differs by {int(match[1]) - now:.0f} s: check both hosts' clocks")
    return match[3].decode("ascii")


def _hmac(covered: bytes, key: bytes) -> bytes:
    return hmac.digest(key, covered, hashlib.sha256).hex().encode("ascii")


class Taken:
    """Signatures taken so far, each kept until it would be stale anyway."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def take(self, signature: str, now: float) -> None:
        """Remember a signature that was verified; raises `MessageError` if it was taken before."""
        while self._until and (next(iter(self._until.values())) < now or len(self._until) >= _REMEMBERED_MAX):
            self._until.popitem(last=False)
        if signature in self._until:
            raise MessageError(Refusal.REPLAYED)
        self._until[signature] = now + 2 * LIFE_SECONDS
