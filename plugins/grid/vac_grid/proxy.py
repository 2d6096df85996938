"""X.509 proxies: certificates that a machine is given in place of the site's own, for its life alone (RFC 3820)."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from vac_grid.credential import Credential
from vac_grid.terms import CredentialError, ProxyKind

PROXY_CERT_INFO: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14")
LIMITED_CN: Final = "limited proxy"
_PROXY_CNS: Final = {"proxy", LIMITED_CN}

# ProxyCertInfo ::= SEQUENCE { ProxyPolicy ::= SEQUENCE { policyLanguage OBJECT IDENTIFIER } }, as DER
_LIMITED: Final = bytes.fromhex("300f300d060b2b060104019b5001010109")  # 1.3.6.1.4.1.3536.1.1.1.9, Globus's limited
_INHERIT_ALL: Final = bytes.fromhex("300c300a06082b06010505071501")  # 1.3.6.1.5.5.7.21.1

_CLOCKS_DIFFER: Final = dt.timedelta(minutes=5)
_SERIAL_BITS: Final = 63


def make_proxy(
    source: Credential,
    *,
    expires: dt.datetime,
    now: dt.datetime,
    kind: ProxyKind = ProxyKind.RFC_LIMITED,
    common_name: str = "",
    key_bits: int = 2048,
) -> bytes:
    """A proxy with a new key of its own, as one PEM file: certificate, key, the source's chain and foreign blocks.

    The name that is added to the subject is its serial number unless ``common_name`` gives another; those by which old
    proxies are known are not taken, as some readers go by them alone. Of a source that is limited itself only limited
    ones are made. Raises `CredentialError` where the source expires before the proxy would, or its form forbids this
    kind.
    """
    if source.expires < expires:
        raise CredentialError(
            f"{source.where} expires at {_said(source.expires)}, and is needed until {_said(expires)}: renew it"
        )
    key = rsa.generate_private_key(public_exponent=65537, key_size=key_bits)
    own, serial = source.chain[0], secrets.randbits(_SERIAL_BITS) + 1
    name = common_name if common_name and common_name not in _PROXY_CNS else str(serial)
    certificate = _extended(
        x509.CertificateBuilder()
        .issuer_name(own.subject)
        .subject_name(_subject(own, LIMITED_CN if kind is ProxyKind.LEGACY_LIMITED else name))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(max(now - _CLOCKS_DIFFER, own.not_valid_before_utc))
        .not_valid_after(expires),
        _information(source, kind),
    ).sign(source.key, SHA256())
    own_key = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + own_key + source.chain_pem + source.foreign


def is_limited(certificate: x509.Certificate) -> bool:
    """Whether a certificate is a limited proxy, of either form."""
    return information_of(certificate) == _LIMITED or _last_cn(certificate) == LIMITED_CN


def information_of(certificate: x509.Certificate) -> bytes | None:
    """The ProxyCertInfo of a proxy as DER; None for a certificate that has none."""
    for extension in certificate.extensions:
        if extension.oid == PROXY_CERT_INFO and isinstance(extension.value, x509.UnrecognizedExtension):
            return extension.value.value
    return None


def _information(source: Credential, kind: ProxyKind) -> bytes | None:
    """The ProxyCertInfo of a new proxy; None for one of the old form. All proxies of a chain are of one form."""
    own = source.chain[0]
    if kind is ProxyKind.LEGACY_LIMITED:
        if information_of(own) is not None:
            raise CredentialError(f"{source.where} is a proxy of RFC 3820: no old-style proxy can follow it")
        return None
    if _last_cn(own) in _PROXY_CNS and information_of(own) is None:
        raise CredentialError(f"{source.where} is an old-style proxy: only legacy_proxy = yes can follow it")
    return _LIMITED if kind is ProxyKind.RFC_LIMITED or is_limited(own) else _INHERIT_ALL


def _subject(own: x509.Certificate, name: str) -> x509.Name:
    return x509.Name(
        [*own.subject.rdns, x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, name)])]
    )


def _extended(builder: x509.CertificateBuilder, information: bytes | None) -> x509.CertificateBuilder:
    if information is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(PROXY_CERT_INFO, information), critical=True)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return builder.add_extension(usage, critical=True)


def _last_cn(certificate: x509.Certificate) -> str | None:
    *_, last = [None, *certificate.subject]
    return str(last.value) if last is not None and last.oid == NameOID.COMMON_NAME else None


def _said(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
