"""Images of real guests, from a server that misbehaves, and CernVM's, which must be signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from boot_image import boot_image
from guest_host import GuestHost, guest_host, made_from, outcome, started
from guest_packages import guest_packages
from image_server import ImageServer, Served, sha256, wait_until
from signed_image import SIGNER, authority, image, install
from system.daemon_kit import shell
from tiny_guest import tiny_guest

pytestmark = pytest.mark.system

HOME = "outputs=##user_data_joboutputs_url##"
SAYS_SO = shell(HOME, 'put $outputs/shutdown_message "200 it boots"')
CERNVM_USER_DATA = shell(
    HOME,
    'put $outputs/shutdown_message "200 CernVM boots"',
    "exit 0",
    "[ucernvm-begin]",
    "resize_rootfs=true",
    "[ucernvm-end]",
)
ONE = "max_starting = 1\ntotal_processors = 1\nimage_check_seconds = 0\n"
SHARED = "image_directory = /var/lib/libvirt/images/vac-images\n"
"""CernVM's image is read by all its machines where it is: QEMU's user must reach it."""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GuestHost]:
    with guest_host(tmp_path / "f") as one:
        yield one


@pytest.fixture
def server(host: GuestHost) -> Iterator[ImageServer]:
    """A server of images in the box's network."""
    one = host.libvirt.box.call(ImageServer)
    yield one
    one.close()


def test_an_image_that_is_cut_short_starts_nothing_until_it_comes_whole(host: GuestHost, server: ImageServer) -> None:
    initrd = tiny_guest().initrd.read_bytes()
    url = server.serve("/initrd", initrd, length=len(initrd) + 1000, ranges=False)
    host.write_site(host.tiny("lhcb", SAYS_SO, initrd=url), ONE)
    host.daemon.start()
    wait_until(lambda: url in host.why("lhcb"))
    assert host.daemon.events("created") == []
    server.images["/initrd"] = Served(initrd)
    machine_id = started(host)
    assert outcome(host, machine_id) == "200 it boots"
    assert made_from(host, machine_id)["initrd_sha256"] == sha256(initrd)
    assert host.left_of_machines() == []


def test_an_image_that_changes_while_it_is_fetched_is_never_mixed(host: GuestHost, server: ImageServer) -> None:
    initrd = tiny_guest().initrd.read_bytes()
    half = len(initrd) // 2
    before = Served(bytes(len(initrd)), etag='"before"', hold_after=1000, cut_after=half, cuts=1)
    server.images["/initrd"] = before
    host.write_site(host.tiny("lhcb", SAYS_SO, initrd=f"{server.url}/initrd"), ONE)
    host.daemon.start()
    assert server.holding.wait(60)
    server.images["/initrd"] = Served(initrd, etag='"after"')
    server.go_on.set()
    machine_id = started(host)
    assert outcome(host, machine_id) == "200 it boots"
    assert made_from(host, machine_id)["initrd_sha256"] == sha256(initrd)


def cernvm(host: GuestHost, name: str, url: str) -> str:
    """A [machinetype] section of CernVMs from an image that must be signed."""
    return host.daemon.machinetype(
        name,
        CERNVM_USER_DATA,
        machine_model="cernvm3",
        root_image=url,
        image_signing_dn=f"/CN={SIGNER}$",
        mb_per_processor=192,
        disk_gb_per_processor=1,
    )


def test_a_signed_cernvm_boots_and_a_tampered_one_is_refused(host: GuestHost, server: ImageServer) -> None:
    ca = authority()
    certificates = host.libvirt.box.path("/etc/grid-security/certificates")
    certificates.parent.mkdir()
    install(certificates, ca)
    signed = image(ca.issue(), data=boot_image(guest_packages()))
    tampered = bytearray(signed)
    tampered[len(signed) // 2] ^= 1
    types = cernvm(host, "good", server.serve("/good.iso", signed))
    types += cernvm(host, "tampered", server.serve("/tampered.iso", bytes(tampered)))
    host.write_site(types, ONE + SHARED)
    host.daemon.start()
    machine_id = started(host, "good")
    wait_until(lambda: "it was changed after it was signed" in host.why("tampered"))
    assert outcome(host, machine_id) == "200 CernVM boots"
    assert {event["machine"]["machinetype"] for event in host.daemon.events("planned")} == {"good"}
    assert host.left_of_machines() == []
