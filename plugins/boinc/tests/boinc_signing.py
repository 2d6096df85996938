"""Keys with which BOINC projects and account managers sign: RSA without naming a hash (lib/crypt.cpp)."""

from __future__ import annotations

import hashlib

import attrs
from cryptography.hazmat.primitives.asymmetric import rsa

_BITS = 1024
_SIZE = _BITS // 8
_HEX_PER_LINE = 64


@attrs.define
class SigningKey:
    """One key of the tests' own."""

    signs_badly: bool = False
    _key: rsa.RSAPrivateKey = attrs.field(
        factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=_BITS), repr=False
    )

    def public(self) -> str:
        """Its public part, as clients read it."""
        numbers = self._key.public_key().public_numbers()
        return f"\n{_BITS}\n" + _lines(numbers.n.to_bytes(_SIZE, "big") + numbers.e.to_bytes(_SIZE, "big"))

    def signature(self, content: bytes) -> str:
        """RSA over the content's MD5 in hexadecimal, padded by PKCS #1 type 1."""
        digest = hashlib.md5(content).hexdigest().encode()
        padded = b"\0\1" + b"\xff" * (_SIZE - 3 - len(digest)) + b"\0" + digest
        if self.signs_badly:
            padded = padded[:-1] + bytes([padded[-1] ^ 1])
        own = self._key.private_numbers()
        return "\n" + _lines(pow(int.from_bytes(padded, "big"), own.d, own.public_numbers.n).to_bytes(_SIZE, "big"))


def _lines(octets: bytes) -> str:
    told = octets.hex()
    return "".join(f"{told[at : at + _HEX_PER_LINE]}\n" for at in range(0, len(told), _HEX_PER_LINE)) + ".\n"
