"""An authority of the tests' own, and what it issues: certificates of hosts and people, and proxies of all sorts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)
USAGE = {
    "digital_signature": True,
    "key_encipherment": True,
    "content_commitment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


def name_of(*common_names: str) -> x509.Name:
    """``/O=Vac tests/CN=...``."""
    parts = [(NameOID.ORGANIZATION_NAME, "Vac tests"), *((NameOID.COMMON_NAME, one) for one in common_names)]
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


@attrs.frozen(kw_only=True)
class Issued:
    """A certificate with its key and those it follows from."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def certificate_pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key alone."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    @property
    def proxy_pem(self) -> bytes:
        """All in one, as a proxy is kept."""
        return self.certificate_pem + self.key_pem + b"".join(one.public_bytes(Encoding.PEM) for one in self.chain)

    def write(self, directory: Path, name: str = "x509") -> tuple[Path, Path]:
        """Write ``NAMEcert.pem`` and ``NAMEkey.pem``."""
        certificate, key = directory / f"{name}cert.pem", directory / f"{name}key.pem"
        certificate.write_bytes(self.certificate_pem)
        write_key(key, self.key_pem)
        return certificate, key


def write_key(path: Path, content: bytes) -> Path:
    """Write a file that nobody else can read."""
    path.write_bytes(content)
    path.chmod(0o600)
    return path


class Authority:
    """A certification authority."""

    def __init__(self, name: str = "Authority") -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        usage = USAGE | {"key_cert_sign": True, "crl_sign": True, "key_encipherment": False}
        self.certificate = self._sign(
            x509.CertificateBuilder()
            .issuer_name(name_of(name))
            .subject_name(name_of(name))
            .public_key(self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False),
            self.key,
        )

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self, name: str, *, hosts: Sequence[str] = (), days: float = 30.0, at: dt.datetime | None = None
    ) -> Issued:
        """A certificate for a person, or for hosts; good from a day before ``at``, which is now unless given."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        builder = (
            x509.CertificateBuilder()
            .issuer_name(self.certificate.subject)
            .subject_name(name_of(name))
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**USAGE), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return Issued(certificate=self._sign(builder, self.key, days=days, at=at), key=key)

    def proxy(self, of: Issued, *extensions: x509.ExtensionType, days: float = 10.0) -> Issued:
        """A proxy of RFC 3820 that may do all that its source may, as people make for themselves."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        information = bytes.fromhex("300c300a06082b06010505071501")
        common_name = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "1234567")])
        builder = (
            x509.CertificateBuilder()
            .issuer_name(of.certificate.subject)
            .subject_name(x509.Name([*of.certificate.subject.rdns, common_name]))
            .public_key(key.public_key())
            .add_extension(
                x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"), information), critical=True
            )
            .add_extension(x509.KeyUsage(**USAGE), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return Issued(certificate=self._sign(builder, of.key, days=days), key=key, chain=(of.certificate, *of.chain))

    def _sign(
        self,
        builder: x509.CertificateBuilder,
        key: rsa.RSAPrivateKey,
        *,
        days: float = 365.0,
        at: dt.datetime | None = None,
    ) -> x509.Certificate:
        now = at or dt.datetime.now(dt.UTC)
        return (
            builder.serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + days * DAY)
            .sign(key, SHA256())
        )


def dirac_group(group: str) -> x509.UnrecognizedExtension:
    """The extension by which DIRAC marks a proxy as of a group: its own number, and the name as a string."""
    text = group.encode("ascii")
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.42.42"), bytes([0x16, len(text)]) + text)
