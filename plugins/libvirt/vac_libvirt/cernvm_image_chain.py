"""Whether a certificate leads to an authority in a directory of hashed names, such as /etc/grid-security/certificates.

The directory is OpenSSL's: an authority's certificate is in HASH.0, HASH.1 ..., the hash being of its name, and its
list of revoked certificates in HASH.r0, HASH.r1 ... (openssl-rehash(1)). Names are hashed only so that a file is found
quickly: what counts is what is in it.

The library's own builder of chains is for servers of the web: it demands names and extensions that the grid's
certificates do not have, knows no revocation, and is declared unstable. So the way up is walked here, each step of it
checked by the library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from vac_libvirt.cernvm_image_names import dn_of

_AUTHORITY: Final = re.compile(r"[0-9a-f]{8}\.\d{1,3}")
_REVOKED: Final = re.compile(r"[0-9a-f]{8}\.r\d{1,3}")
_LONGEST: Final = 8


class ChainError(Exception):
    """A certificate leads to no authority. The message says why, and the mend."""


def check_chain(certificate: x509.Certificate, directory: Path, now: datetime | None = None) -> None:
    """See that a certificate and all above it are valid now, up to an authority that signed itself.

    Raises `ChainError`.
    """
    now = now or datetime.now(UTC)
    authorities = list(_authorities(directory))
    revoked = list(_revocations(directory))
    one = certificate
    for below in range(_LONGEST):
        _check_time(one, now)
        if one is not certificate and one.subject == one.issuer:
            return
        above = _issuer(one, authorities, below)
        _check_revocation(one, above, revoked)
        one = above
    raise ChainError(f"{dn_of(certificate.subject)} has more than {_LONGEST} authorities above it")


def _check_time(one: x509.Certificate, now: datetime) -> None:
    if now > one.not_valid_after_utc:
        raise ChainError(f"the certificate of {dn_of(one.subject)} expired on {one.not_valid_after_utc:%Y-%m-%d}")
    if now < one.not_valid_before_utc:
        raise ChainError(
            f"the certificate of {dn_of(one.subject)} is not valid before {one.not_valid_before_utc:%Y-%m-%d}: "
            "see that this host's clock is right"
        )


def _issuer(one: x509.Certificate, authorities: Iterable[x509.Certificate], below: int) -> x509.Certificate:
    """The authority that signed a certificate, which has so many other authorities below it."""
    named = [above for above in authorities if above.subject == one.issuer]
    for above in named:
        try:
            one.verify_directly_issued_by(above)
        except (InvalidSignature, ValueError, TypeError):
            continue
        if _may_sign(above, below):
            return above
    if named:
        raise ChainError(
            f"the authority {dn_of(one.issuer)} did not sign the certificate of {dn_of(one.subject)}, or may not"
        )
    raise ChainError(
        f"the authority {dn_of(one.issuer)} is not among the host's: install its certificate, such as with the IGTF's"
    )


def _may_sign(above: x509.Certificate, below: int) -> bool:
    extensions = above.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.key_cert_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return above.version is x509.Version.v1 and above.subject == above.issuer
    return basic.ca and (basic.path_length is None or basic.path_length >= below)


def _check_revocation(
    one: x509.Certificate, above: x509.Certificate, revoked: Iterable[x509.CertificateRevocationList]
) -> None:
    for crl in revoked:
        if crl.issuer != above.subject:
            continue
        key = above.public_key()
        if crl.is_signature_valid(key) and crl.get_revoked_certificate_by_serial_number(one.serial_number) is not None:  # type: ignore[arg-type]
            raise ChainError(f"the certificate of {dn_of(one.subject)} was revoked by its authority")


def _authorities(directory: Path) -> Iterator[x509.Certificate]:
    for path in _files(directory, _AUTHORITY):
        try:
            yield from x509.load_pem_x509_certificates(path.read_bytes())
        except (ValueError, OSError):
            continue


def _revocations(directory: Path) -> Iterator[x509.CertificateRevocationList]:
    for path in _files(directory, _REVOKED):
        try:
            raw = path.read_bytes()
            yield x509.load_pem_x509_crl(raw) if raw.startswith(b"-----") else x509.load_der_x509_crl(raw)
        except (ValueError, OSError):
            continue


def _files(directory: Path, pattern: re.Pattern[str]) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if pattern.fullmatch(path.name))
    except OSError as error:
        raise ChainError(
            f"the authorities in {directory} cannot be read: {error.strerror}: install them, such as the IGTF's"
        ) from None
