"""The signature block of CernVM's images: who made an image, and that nobody changed it since.

An image ends in two blocks of 32768 octets, JSON padded with NUL: facts (``ucernvm-version``), and the signature with
the signer's certificate, each in base64. The signature is RSA (PKCS#1 v1.5) with SHA-256 over all but the last block.
The certificate must lead to an authority in a directory of hashed names, such as the IGTF's, be valid now and not be
revoked, and its DN must match ``image_signing_dn`` (see `vac_libvirt.cernvm_image_dn`). The JSON of published images is
malformed (commas missing or too many), so the two strings are found without parsing the rest.

Usage::

    signed = verify(path, r"/.*/CN=cvm-sign01\\.cern\\.ch")       # raises SignatureError, a PluginError
    signed.dn                                                      # "/DC=ch/DC=cern/OU=computers/CN=cvm-sign01.cern.ch"

It reads the file once, a megabyte at a time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path
from typing import BinaryIO, Final

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from vac_core.interfaces import PluginError
from vac_libvirt.cernvm_image_chain import ChainError, check_chain
from vac_libvirt.cernvm_image_dn import matches
from vac_libvirt.cernvm_image_names import dn_of
from vac_libvirt.options import CERTIFICATES

BLOCK: Final = 32768
_READ: Final = 2**20
_STRING: Final = r'"\s*:\s*"([^"]*)"'
_FACT: Final = re.compile(rb'"([A-Za-z0-9_-]{1,64})"\s*:\s*"([^"\n]{0,1024})"')


class SignatureError(PluginError):
    """An image is not signed as it must be. The message says how, and the mend."""


@attrs.frozen(kw_only=True)
class Signed:
    """What an image's blocks say, once they have been verified."""

    dn: str
    """The signer's, as the grid writes it: ``/DC=ch/.../CN=name``."""
    sha256: str
    """Of what is signed."""
    facts: dict[str, str]
    """Strings of the first block, such as ``ucernvm-version``."""


def verify(path: Path, signing_dn: str, certificates: Path = CERTIFICATES) -> Signed:
    """See that an image is whole and signed by whom it must be; raises `SignatureError`."""
    try:
        with path.open("rb") as file:
            digest, facts, signature_block = _read(file)
        certificate, signature = _parse(signature_block)
        _check_signature(certificate, signature, digest)
        check_chain(certificate, certificates)
        dn = dn_of(certificate.subject)
        _check_dn(signing_dn, dn)
    except (SignatureError, ChainError) as error:
        raise SignatureError(f"the signature of {path} is refused: {error}") from None
    except OSError as error:
        raise SignatureError(f"the signature of {path} cannot be verified: {error.strerror}") from None
    return Signed(dn=dn, sha256=digest.hex(), facts=facts)


def _read(file: BinaryIO) -> tuple[bytes, dict[str, str], bytes]:
    """The digest of all but the last block, the facts of the block before it, and the last block."""
    signed = file.seek(0, 2) - BLOCK
    if signed <= BLOCK:
        raise SignatureError("it is too short to hold a signature: see that it is a CernVM image, and whole")
    file.seek(0)
    digest = hashlib.sha256()
    left = signed - BLOCK
    while left:
        if not (chunk := file.read(min(left, _READ))):
            raise SignatureError("it became shorter while it was read: see who writes it")
        digest.update(chunk)
        left -= len(chunk)
    metadata, signature = file.read(BLOCK), file.read(BLOCK)
    digest.update(metadata)
    facts = {key.decode(): value.decode("utf-8", "replace") for key, value in _FACT.findall(metadata)}
    return digest.digest(), facts, signature


def _parse(block: bytes) -> tuple[x509.Certificate, bytes]:
    pem, signature = _string(block, "certificate"), _string(block, "signature")
    try:
        return x509.load_pem_x509_certificate(pem), signature
    except ValueError as error:
        raise SignatureError(f"its certificate cannot be read: {error}") from None


def _string(block: bytes, name: str) -> bytes:
    """The one string of that name, decoded from base64."""
    found = re.findall(f'"{name}{_STRING}'.encode(), block)
    if len(found) != 1:
        raise SignatureError(
            f"its signature block holds {len(found) or 'no'} {name}: see that it is a CernVM image, and whole"
        )
    try:
        return base64.b64decode(b"".join(found[0].replace(rb"\n", b"").split()), validate=True)
    except binascii.Error:
        raise SignatureError(f"its {name} is not base64: it was damaged, or is no CernVM image") from None


def _check_dn(signing_dn: str, dn: str) -> None:
    try:
        right = matches(signing_dn, dn)
    except ValueError as error:
        raise SignatureError(f"image_signing_dn = {error}") from None
    if not right:
        raise SignatureError(f"it is signed by {dn}, and image_signing_dn is {signing_dn}: see who may sign it")


def _check_signature(certificate: x509.Certificate, signature: bytes, digest: bytes) -> None:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise SignatureError("its certificate has no RSA key")
    try:
        key.verify(signature, digest, padding.PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature:
        raise SignatureError("it was changed after it was signed, or not signed with that certificate") from None
