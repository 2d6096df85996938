"""Certificates with their key, as grid sites keep them: read from files, and refused where they cannot be used."""

from __future__ import annotations

import datetime as dt
import re
import stat
import warnings
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from vac_core.secret_files import SecretFileError, read_secret_file
from vac_grid.terms import CredentialError

_MOST_OCTETS: Final = 1048576
_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\r?\n?", re.DOTALL)
_OTHERS: Final = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@attrs.frozen(kw_only=True)
class Credential:
    """A certificate or proxy that machines' proxies are made from."""

    where: str
    """The file that it came from, for messages."""
    chain: tuple[x509.Certificate, ...]
    """Its own certificate first, then those that it follows from, as far as the file has them."""
    key: PrivateKey = attrs.field(repr=False)
    foreign: bytes = attrs.field(default=b"", repr=False)
    """Further blocks of its file, such as the token that DIRAC keeps in a proxy, as they stand there."""

    @property
    def chain_pem(self) -> bytes:
        """The certificates as PEM."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in self.chain)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM, in the form that old readers know: not to be shown, nor written where others can read."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    @property
    def subject(self) -> str:
        """Whose it is, as RFC 4514 writes it."""
        return self.chain[0].subject.rfc4514_string()

    @property
    def expires(self) -> dt.datetime:
        """When the first of its certificates expires."""
        return min(one.not_valid_after_utc for one in self.chain)


def read_credential(certificate: Path, key: Path | None = None) -> Credential:
    """Read a certificate and its key, or a proxy, which is one file with both.

    Raises `CredentialError` where a file cannot be read, the key can be read by others or belongs to another
    certificate, or either is something else.
    """
    blocks = _blocks(certificate, secret=key is None)
    certificates = [block for kind, block in blocks if kind == b"CERTIFICATE"]
    keys = [block for kind, block in (blocks if key is None else _blocks(key, secret=True)) if _is_key(kind)]
    foreign = [block for kind, block in blocks if kind != b"CERTIFICATE" and not _is_key(kind)]
    if not certificates:
        raise CredentialError(f"{certificate} holds no certificate: it must have a block BEGIN CERTIFICATE")
    found = Credential(
        where=str(certificate),
        chain=tuple(_certificate(certificate, block) for block in certificates),
        key=_key(key or certificate, keys),
        foreign=b"".join(foreign),
    )
    if found.key.public_key() != found.chain[0].public_key():
        raise CredentialError(
            f"the key in {key or certificate} does not belong to the certificate in {certificate}: "
            "put the pair there that was issued together"
        )
    return found


def _blocks(path: Path, *, secret: bool) -> list[tuple[bytes, bytes]]:
    """The PEM blocks of a file, each with its kind."""
    try:
        content = read_secret_file(path, _MOST_OCTETS, closed_to=_OTHERS if secret else 0)
    except SecretFileError as error:
        raise CredentialError(str(error)) from error
    return [(match[1], match[0]) for match in _BLOCK.finditer(content)]


def _is_key(kind: bytes) -> bool:
    return kind.endswith(b"PRIVATE KEY")


def _certificate(path: Path, block: bytes) -> x509.Certificate:
    try:
        with warnings.catch_warnings(action="ignore"):  # old authorities are lax in ways that do not matter here
            return x509.load_pem_x509_certificate(block)
    except ValueError as error:
        raise CredentialError(f"{path} holds a certificate that cannot be read: {error}") from error


def _key(path: Path, blocks: list[bytes]) -> PrivateKey:
    if not blocks:
        raise CredentialError(f"{path} holds no private key: name the file that does, or a proxy that has all in one")
    try:
        key = load_pem_private_key(blocks[0], password=None)
    except TypeError:
        raise CredentialError(f"the key in {path} is under a password: store it without, mode 0600") from None
    except ValueError:
        raise CredentialError(f"the key in {path} cannot be read: it must be an RSA or EC key as PEM") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CredentialError(f"the key in {path} is neither RSA nor EC: have a certificate issued for one that is")
    return key
