"""Proxies, as OpenSSL and their own fields see them; and credentials that are refused with the mend."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from pathlib import Path

import pytest
from certificates import Authority, dirac_group, write_key
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from vac_grid.credential import read_credential
from vac_grid.proxy import PROXY_CERT_INFO, information_of, is_limited, make_proxy
from vac_grid.terms import CredentialError, ProxyKind

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
HOURS = dt.timedelta(hours=1)
TOKEN = b"-----BEGIN DIRACX-----\ndG9rZW4=\n-----END DIRACX-----\n"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def person(authority):
    return authority.issue("Jo Pilot")


@pytest.fixture
def pair(person, tmp_path):
    return person.write(tmp_path)


def made(source, **changes):
    return make_proxy(source, **{"common_name": "lhcb-prod", "expires": NOW + 12 * HOURS, "now": NOW, **changes})


def first(proxy):
    return x509.load_pem_x509_certificate(proxy)


def verified(proxy, authority, directory):
    (directory / "ca.pem").write_bytes(authority.pem)
    (directory / "proxy.pem").write_bytes(proxy)
    return subprocess.run(
        ["openssl", "verify", "-allow_proxy_certs", "-CAfile", "ca.pem", "-untrusted", "proxy.pem", "proxy.pem"],
        cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip


class TestProxy:
    @pytest.mark.parametrize("kind", [ProxyKind.RFC_LIMITED, ProxyKind.RFC])
    def test_openssl_finds_it_right(self, authority, pair, kind, tmp_path):
        proxy = made(read_credential(*pair), kind=kind)
        assert verified(proxy, authority, tmp_path).stdout == "proxy.pem: OK\n"

    def test_openssl_finds_a_proxy_of_a_proxy_right(self, authority, person, tmp_path):
        source = write_key(tmp_path / "source.pem", authority.proxy(person).proxy_pem)
        assert verified(made(read_credential(source)), authority, tmp_path).stdout == "proxy.pem: OK\n"

    def test_openssl_refuses_one_of_another_authority(self, pair, tmp_path):
        assert verified(made(read_credential(*pair)), Authority(), tmp_path).returncode != 0

    def test_it_adds_a_name_to_its_source_s(self, pair, person):
        certificate = first(made(read_credential(*pair)))
        assert certificate.issuer == person.certificate.subject
        assert certificate.subject.rfc4514_string() == "CN=lhcb-prod,CN=Jo Pilot,O=Vac tests"

    @pytest.mark.parametrize("name", ["", "proxy", "limited proxy"])
    def test_its_name_is_its_number_where_it_has_no_good_one(self, pair, name):
        """Some readers take a proxy of these names for one of the old form, whatever it says of itself."""
        certificate = first(made(read_credential(*pair), common_name=name))
        assert certificate.subject.rfc4514_string().startswith(f"CN={certificate.serial_number},")

    def test_its_policy_is_limited_and_critical(self, pair):
        certificate = first(made(read_credential(*pair)))
        extension = certificate.extensions.get_extension_for_oid(PROXY_CERT_INFO)
        assert extension.critical
        assert extension.value.value.endswith(bytes.fromhex("2b060104019b5001010109"))
        assert is_limited(certificate)

    def test_a_full_one_is_not_limited(self, pair):
        assert not is_limited(first(made(read_credential(*pair), kind=ProxyKind.RFC)))

    def test_of_a_limited_one_only_limited_ones_follow(self, pair, tmp_path):
        limited = write_key(tmp_path / "limited.pem", made(read_credential(*pair)))
        assert is_limited(first(made(read_credential(limited), kind=ProxyKind.RFC)))

    def test_an_old_one_has_the_old_name_and_no_policy(self, pair):
        certificate = first(made(read_credential(*pair), kind=ProxyKind.LEGACY_LIMITED))
        assert certificate.subject.rfc4514_string().startswith("CN=limited proxy,")
        assert information_of(certificate) is None
        assert is_limited(certificate)

    def test_the_two_forms_do_not_mix(self, authority, person, pair, tmp_path):
        new = write_key(tmp_path / "new.pem", authority.proxy(person).proxy_pem)
        old = write_key(tmp_path / "old.pem", made(read_credential(*pair), kind=ProxyKind.LEGACY_LIMITED))
        with pytest.raises(CredentialError, match="no old-style proxy can follow"):
            made(read_credential(new), kind=ProxyKind.LEGACY_LIMITED)
        with pytest.raises(CredentialError, match="only legacy_proxy = yes"):
            made(read_credential(old))

    def test_it_lives_as_long_as_it_is_told(self, pair):
        certificate = first(made(read_credential(*pair)))
        assert certificate.not_valid_after_utc == NOW + 12 * HOURS
        assert NOW - HOURS < certificate.not_valid_before_utc < NOW

    def test_it_never_outlives_its_source(self, pair):
        with pytest.raises(CredentialError, match=r"x509cert.pem expires at .* renew it"):
            made(read_credential(*pair), expires=NOW + 40 * 24 * HOURS)

    def test_two_proxies_have_keys_and_numbers_of_their_own(self, pair):
        one, other = (first(made(read_credential(*pair))) for _ in range(2))
        assert one.serial_number != other.serial_number
        assert one.public_key() != other.public_key()
        assert one.public_key().key_size == 2048

    def test_its_key_is_its_own_and_in_the_form_that_old_readers_know(self, pair, person):
        proxy = made(read_credential(*pair))
        key = serialization.load_pem_private_key(proxy[proxy.index(b"-----BEGIN RSA PRIVATE KEY") :], None)
        assert key.public_key() == first(proxy).public_key()
        assert person.key_pem not in proxy

    def test_what_else_the_source_holds_goes_along(self, authority, person, tmp_path):
        inner = authority.proxy(person, dirac_group("lhcb_pilot"))
        proxy = made(read_credential(write_key(tmp_path / "source.pem", inner.proxy_pem + TOKEN)))
        assert proxy.endswith(TOKEN)
        assert inner.certificate_pem in proxy
        assert person.certificate_pem in proxy

    def test_it_can_be_a_source_itself(self, pair, tmp_path):
        written = write_key(tmp_path / "proxy.pem", made(read_credential(*pair)))
        assert read_credential(written).expires == NOW + 12 * HOURS


class TestCredential:
    def test_a_key_that_others_can_read_is_refused(self, pair):
        pair[1].chmod(0o644)
        with pytest.raises(CredentialError, match=r"can be read by others \(mode 06\d\d\): chmod 0600"):
            read_credential(*pair)

    def test_a_certificate_may_be_read_by_all(self, pair):
        pair[0].chmod(0o644)
        assert read_credential(*pair).subject == "CN=Jo Pilot,O=Vac tests"

    def test_a_proxy_that_others_can_read_is_refused(self, person, tmp_path):
        path = tmp_path / "proxy.pem"
        path.write_bytes(person.proxy_pem)
        path.chmod(0o604)
        with pytest.raises(CredentialError, match="can be read by others"):
            read_credential(path)

    def test_a_key_of_another_certificate_is_refused(self, authority, pair):
        write_key(pair[1], authority.issue("Somebody Else").key_pem)
        with pytest.raises(CredentialError, match="does not belong to the certificate"):
            read_credential(*pair)

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "holds no certificate"),
            (b"<html>not found</html>", "holds no certificate"),
            (b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", "cannot be read"),
        ],
    )
    def test_what_is_no_certificate_is_refused(self, pair, content, why):
        pair[0].write_bytes(content)
        with pytest.raises(CredentialError, match=why):
            read_credential(*pair)

    def test_a_certificate_without_a_key_is_refused(self, pair):
        pair[0].chmod(0o600)
        with pytest.raises(CredentialError, match="holds no private key"):
            read_credential(pair[0])

    def test_a_file_that_is_not_there_is_told(self, tmp_path):
        with pytest.raises(CredentialError, match=r"gone\.pem cannot be read: No such file"):
            read_credential(tmp_path / "gone.pem")

    def test_a_directory_is_no_credential(self, tmp_path):
        with pytest.raises(CredentialError, match="Is a directory"):
            read_credential(tmp_path)

    def test_a_key_under_a_password_is_refused(self, pair):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_key(pair[1], pem(key, serialization.BestAvailableEncryption(b"secret")))
        with pytest.raises(CredentialError, match="under a password"):
            read_credential(*pair)

    def test_a_key_of_another_kind_is_refused(self, pair):
        write_key(pair[1], pem(ed25519.Ed25519PrivateKey.generate(), serialization.NoEncryption()))
        with pytest.raises(CredentialError, match="neither RSA nor EC"):
            read_credential(*pair)

    def test_nothing_of_the_key_is_shown(self, pair):
        assert "PRIVATE" not in repr(read_credential(*pair))


def pem(key, encryption):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(CredentialError, match="not a plain file"):
        read_credential(tmp_path / "pipe")
