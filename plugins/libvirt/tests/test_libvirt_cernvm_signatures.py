"""Signatures that were verified already."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from signed_image import SIGNER, authority, image, install
from vac_libvirt.cernvm_signatures import Signatures

PATTERN = f"/CN={SIGNER}$"


class Kit:
    """Signatures on a clock of the test's own."""

    def __init__(self, directory: Path) -> None:
        self.now = 1000.0
        self.news = threading.Semaphore(0)
        self.certificates = directory / "certificates"
        self.signatures = Signatures(self.certificates, changed=self.news.release, clock=lambda: self.now)
        self.image = directory / "ucernvm.iso"

    def look(self) -> str:
        return self.signatures.look(self.image, PATTERN)

    def found(self) -> str:
        """What is told once it has been verified in the background."""
        self.look()
        assert self.news.acquire(timeout=60)
        return self.look()


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def test_nothing_is_believed_before_it_was_verified(kit: Kit) -> None:
    ca = authority()
    install(kit.certificates, ca)
    kit.image.write_bytes(image(ca.issue()))
    assert "is being verified" in kit.look()
    assert kit.news.acquire(timeout=60)
    assert kit.look() == ""
    kit.now += 3599.0
    assert kit.look() == ""
    assert not kit.news.acquire(blocking=False)


def test_what_was_found_is_looked_at_again_after_a_while(kit: Kit) -> None:
    ca = authority()
    kit.image.write_bytes(image(ca.issue()))
    assert "the authorities in" in kit.found()
    install(kit.certificates, ca)
    kit.now += 300.0
    assert kit.found() == ""
    for path in kit.certificates.iterdir():
        path.unlink()
    kit.now += 3600.0
    assert "is not among the host's" in kit.found()


def test_another_file_of_the_same_name_is_another_question(kit: Kit, tmp_path: Path) -> None:
    ca = authority()
    install(kit.certificates, ca)
    kit.image.write_bytes(image(ca.issue()))
    assert kit.found() == ""
    other = tmp_path / "other.iso"
    other.write_bytes(image(authority("Other CA").issue()))
    other.rename(kit.image)
    assert "is not among the host's" in kit.found()
