"""CernVM's signature blocks: an image and its authority made here, and copies that were tampered with."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from signed_image import BLOCK, SIGNER, Authority, authority, dn, image, install, payload
from vac_libvirt.cernvm_image import SignatureError, verify
from vac_libvirt.cernvm_image_dn import compiled, matches
from vac_libvirt.cernvm_image_names import dn_of

PATTERN = r"/CN=cvm-sign01\.example\.org$"


class Kit:
    """An authority that the host trusts, and images."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = authority()
        self.signer = self.ca.issue()
        self.certificates = install(directory / "certificates", self.ca)

    def refusal(self, content: bytes, pattern: str = PATTERN, certificates: Path | None = None) -> str:
        """Why an image is refused."""
        with pytest.raises(SignatureError) as refused:
            self.verify(content, pattern, certificates)
        return str(refused.value)

    def verify(self, content: bytes, pattern: str = PATTERN, certificates: Path | None = None) -> str:
        """The DN of an image's signer."""
        path = self.directory / "ucernvm.iso"
        path.write_bytes(content)
        return verify(path, pattern, certificates or self.certificates).dn


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def test_a_signed_image_is_accepted_with_its_facts(kit: Kit, tmp_path: Path) -> None:
    path = tmp_path / "ucernvm.iso"
    for malformed in (False, True):
        path.write_bytes(image(kit.signer, malformed=malformed))
        signed = verify(path, PATTERN, kit.certificates)
        assert signed.dn == f"/DC=org/DC=example/CN={SIGNER}"
        assert signed.facts["ucernvm-version"] == "2.0-HEAD"


def changed(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("at", [0, 100_000, len(payload()) - 1, len(payload()) + 3, len(payload()) + BLOCK - 1])
def test_one_changed_bit_of_what_is_signed_is_seen(kit: Kit, at: int) -> None:
    assert "it was changed after it was signed" in kit.refusal(changed(image(kit.signer), at))


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def replace(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new).rstrip(b"\0").ljust(len(content), b"\0")

    return replace


@pytest.mark.parametrize(
    ("tampered", "why"),
    [
        (lambda content: content[:-1], "holds no certificate|changed after|not base64"),
        (lambda content: content[1:], "changed after"),
        (lambda content: content[: 2 * BLOCK], "too short"),
        (lambda content: b"", "too short"),
        (lambda content: content + b"\0", "changed after"),
        (lambda content: content + bytes(BLOCK), "holds no certificate"),
        (replaced(b'"signature": "', b'"signature": "AAAA'), "changed after"),
        (replaced(b'"signature": "', b'"signature": "!'), "its signature is not base64"),
        (replaced(b'"signature": "', b'"signature": "", "signature": "'), "holds 2 signature"),
        (replaced(b'"certificate": "LS0t', b'"certificate": "AAAA'), "its certificate cannot be read"),
        (replaced(b'"certificate"', b'"certificat"'), "holds no certificate"),
    ],
)
def test_blocks_that_were_tampered_with_are_refused(kit: Kit, tampered: Callable[[bytes], bytes], why: str) -> None:
    with pytest.raises(SignatureError, match=why):
        kit.verify(tampered(image(kit.signer)))


def test_a_certificate_that_was_swapped_is_refused(kit: Kit) -> None:
    other = Authority(certificate=kit.ca.issue("other.example.org").certificate, key=kit.signer.key)
    assert "not signed with that certificate" in kit.refusal(image(other))


def test_a_signer_of_another_name_is_refused(kit: Kit) -> None:
    other = kit.ca.issue("evil.example.org")
    assert f"it is signed by /DC=org/DC=example/CN=evil.example.org, and image_signing_dn is {PATTERN}" in kit.refusal(
        image(other)
    )
    posing = kit.ca.issue(f"evil/CN={SIGNER}")
    assert f"CN=evil//CN={SIGNER}" in kit.refusal(image(posing), "^/DC=org/DC=example" + PATTERN)


def test_certificates_that_are_not_valid_now_are_refused(kit: Kit) -> None:
    assert f"CN={SIGNER} expired on" in kit.refusal(image(kit.ca.issue(days=(-10, -1))))
    assert "is not valid before" in kit.refusal(image(kit.ca.issue(days=(1, 10))))


def test_an_authority_that_expired_is_refused(kit: Kit, tmp_path: Path) -> None:
    old = kit.ca.issue("Old CA", days=(-10, -1), ca=True)
    certificates = install(tmp_path / "with-old", kit.ca, old)
    assert "CN=Old CA expired on" in kit.refusal(image(old.issue()), certificates=certificates)


def test_another_authority_is_refused(kit: Kit, tmp_path: Path) -> None:
    other = authority("Other CA")
    assert "the authority /DC=org/DC=example/CN=Other CA is not among the host's" in kit.refusal(image(other.issue()))
    namesake = Authority(certificate=authority("Example CA").certificate, key=other.key)
    assert "did not sign the certificate of" in kit.refusal(image(namesake.issue()))
    assert "is not among the host's" in kit.refusal(image(kit.signer), certificates=install(tmp_path / "none"))


def test_an_image_that_vouches_for_itself_is_refused(kit: Kit) -> None:
    assert "is not among the host's" in kit.refusal(image(authority(SIGNER)))


def test_no_directory_of_authorities_is_told_with_the_mend(kit: Kit, tmp_path: Path) -> None:
    why = kit.refusal(image(kit.signer), certificates=tmp_path / "nowhere")
    assert "nowhere cannot be read: No such file or directory: install them, such as the IGTF's" in why


def test_authorities_in_between_are_followed_where_they_may_sign(kit: Kit, tmp_path: Path) -> None:
    between = kit.ca.issue("Between CA", ca=True)
    lower = between.issue("Lower CA", ca=True)
    certificates = install(tmp_path / "three", kit.ca, between, lower)
    assert kit.verify(image(lower.issue()), certificates=certificates).endswith(SIGNER)
    assert "is not among the host's" in kit.refusal(
        image(lower.issue()), certificates=install(tmp_path / "gap", kit.ca, lower)
    )
    short = kit.ca.issue("Between CA", ca=True, path_length=0)
    certificates = install(tmp_path / "short", kit.ca, short, lower)
    assert "or may not" in kit.refusal(image(lower.issue()), certificates=certificates)
    host = kit.ca.issue("host.example.org")
    certificates = install(tmp_path / "host", kit.ca, host)
    assert "or may not" in kit.refusal(image(host.issue()), certificates=certificates)


def test_a_revoked_certificate_is_refused(kit: Kit) -> None:
    for name, encoding in (("12345678.r0", Encoding.PEM), ("12345678.r1", Encoding.DER)):
        (kit.certificates / name).write_bytes(kit.ca.revoke().public_bytes(encoding))
        kit.verify(image(kit.signer))
        (kit.certificates / name).write_bytes(kit.ca.revoke(kit.signer.certificate).public_bytes(encoding))
        assert "was revoked by its authority" in kit.refusal(image(kit.signer))
        (kit.certificates / name).unlink()


def test_what_others_say_is_revoked_is_not(kit: Kit) -> None:
    liar = Authority(certificate=kit.ca.certificate, key=authority("Other CA").key)
    crl = liar.revoke(kit.signer.certificate).public_bytes(Encoding.PEM)
    (kit.certificates / "12345678.r0").write_bytes(crl)
    assert kit.verify(image(kit.signer)).endswith(SIGNER)


def test_files_that_cannot_be_read_among_the_authorities_are_passed_over(kit: Kit) -> None:
    (kit.certificates / "00000000.0").write_text("no certificate")
    (kit.certificates / "00000000.r0").write_text("no list")
    assert kit.verify(image(kit.signer)).endswith(SIGNER)


def test_a_large_image_is_not_taken_into_memory(kit: Kit, tmp_path: Path) -> None:
    path = tmp_path / "large.iso"
    path.write_bytes(image(kit.signer, data=bytes(50_000_000)))
    tracemalloc.start()
    try:
        verify(path, PATTERN, kit.certificates)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "a|b", r"\d", r"\1", "x" * 257, "", ".*.*.*", "a{9}", "[", "[z-a]", "[^]", "\\", "*"]
)
def test_patterns_that_could_run_for_ever_are_refused(kit: Kit, pattern: str) -> None:
    assert "is no pattern for a DN" in kit.refusal(image(kit.signer), pattern)


@given(st.text(alphabet=r".*+?[]^$\/=CNab-", max_size=30), st.text(alphabet="/=CNab.", max_size=100))
def test_a_pattern_matches_or_is_refused(pattern: str, name: str) -> None:
    try:
        compiled(pattern)
    except ValueError:
        return
    matches(pattern, name)


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=60))
def test_a_name_matches_itself_written_with_escapes(common_name: str) -> None:
    name = dn_of(dn(common_name))
    assert matches("^" + "".join(f"\\{one}" if not one.isalnum() else one for one in name) + "$", name)
