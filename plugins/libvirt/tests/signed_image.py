"""A CernVM image, its signer and an authority, made in memory."""

from __future__ import annotations

import base64
import functools
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

BLOCK = 32768
SIGNER = "cvm-sign01.example.org"
_DAY = timedelta(days=1)


@functools.cache
def key(name: str) -> rsa.RSAPrivateKey:
    """One key for each name: they take long to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def dn(common_name: str) -> x509.Name:
    """``/DC=org/DC=example/CN=...``."""
    parts = [(NameOID.DOMAIN_COMPONENT, "org"), (NameOID.DOMAIN_COMPONENT, "example")]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in [*parts, (NameOID.COMMON_NAME, common_name)]])


@attrs.frozen(kw_only=True)
class Authority:
    """An authority's certificate and key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    def issue(
        self,
        name: str = SIGNER,
        *,
        days: tuple[int, int] = (-1, 30),
        ca: bool = False,
        path_length: int | None = None,
    ) -> Authority:
        """Make a certificate."""
        return Authority(certificate=_made(name, key(name), self, days, ca, path_length), key=key(name))

    def revoke(self, *certificates: x509.Certificate) -> x509.CertificateRevocationList:
        """Make a list of revoked certificates."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now).next_update(now + _DAY)
        for one in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(now).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, SHA256())


def authority(name: str = "Example CA") -> Authority:
    """An authority that signed itself."""
    return Authority(certificate=_made(name, key(name), None, (-10, 365), ca=True), key=key(name))


def _made(
    name: str,
    own: rsa.RSAPrivateKey,
    above: Authority | None,
    days: tuple[int, int],
    ca: bool = False,
    path_length: int | None = None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(dn(name))
        .issuer_name(above.certificate.subject if above else dn(name))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * _DAY)
        .not_valid_after(now + days[1] * _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    )
    return builder.sign(above.key if above else own, SHA256())


def install(directory: Path, *authorities: Authority) -> Path:
    """Put authorities where they are looked for, by their hashed names, as openssl makes them."""
    directory.mkdir(exist_ok=True)
    for number, one in enumerate(authorities):
        (directory / f"ca-{number}.pem").write_bytes(one.certificate.public_bytes(Encoding.PEM))
    subprocess.run(["openssl", "rehash", str(directory)], check=True, capture_output=True)
    return directory


@functools.cache
def payload(size: int = 200_000) -> bytes:
    """The part of an image that machines boot: a CD-ROM, by its mark."""
    data = bytearray(os.urandom(size))
    data[32769:32774] = b"CD001"
    return bytes(data)


def block(text: str) -> bytes:
    """A block of the length they have."""
    return text.encode().ljust(BLOCK, b"\0")


def image(signer: Authority, *, data: bytes | None = None, malformed: bool = True) -> bytes:
    """A signed image. Published ones lack commas here and have too many there, and so has this one."""
    comma = "" if malformed else ","
    facts = '{ "ucernvm-version": "2.0-HEAD",, "release": "x" }' if malformed else '{"ucernvm-version": "2.0-HEAD"}'
    signed = (payload() if data is None else data) + block(facts)
    signature = signer.key.sign(signed, padding.PKCS1v15(), SHA256())
    certificate = base64.b64encode(signer.certificate.public_bytes(Encoding.PEM)).decode()
    text = (
        f'{{ "howto-verify": "openssl dgst -sha256 <signature>"{comma}\n'
        f'  "certificate": "{certificate}",\n  "signature": "{base64.b64encode(signature).decode()}"{comma}\n'
        f'  "signed-by": "{SIGNER}"{comma} }}'
    )
    return signed + block(text)
