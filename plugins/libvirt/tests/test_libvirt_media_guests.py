"""Media of real guests: they share a directory with their host, read and write their floppy, and read their CD-ROM."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycdlib
import pytest
from guest_host import NETWORK, libvirt_with_network
from guest_packages import WHOLE_KERNEL
from image_server import wait_until
from libvirt_guests import reachable_directory
from tiny_guest import CMDLINE, tiny_guest
from vac_libvirt import LibvirtHypervisor
from vac_libvirt.options import LibvirtMachine, LibvirtPlugin

from vac_core.guest_files import changed_at, read_start
from vac_core.interfaces import CreateRequest
from vac_core.testing.box import LibvirtHost
from vac_core.testing.contracts.host import Host, opened
from vac_core.testing.makers import create_request, home, machine, machinetype

pytestmark = pytest.mark.system

MEMORY = 192 * 2**20
USER_DATA = b"""#!/bin/sh
mkdir -p /shared /cd
mount -t virtiofs shared /shared || exit 1
cat /shared/told > /shared/heard
: > /shared/empty
mknod /shared/device b 8 0
ln -s /etc/passwd /shared/link
ln /shared/heard /shared/also-heard
cp /bin/busybox /shared/setuid; chmod 4755 /shared/setuid
cat /shared/../../../../etc/passwd > /shared/above 2>&1 || echo none > /shared/above
dd if=/dev/fd0 of=/shared/floppy bs=512 count=56
printf 'the guest was here' | dd of=/dev/fd0 bs=512 seek=2 conv=notrunc,fsync
for drive in /dev/sr?; do mount -t iso9660 -o ro $drive /cd && cat /cd/context.txt > /shared/cd; done
echo done > /shared/done
while :; do cat /proc/uptime > /shared/beat; sleep 1; done
"""


@pytest.fixture(scope="module")
def libvirt_host() -> Iterator[LibvirtHost]:
    with libvirt_with_network() as one:
        yield one


@pytest.fixture
def host(libvirt_host: LibvirtHost, tmp_path: Path) -> Iterator[Host]:
    with reachable_directory() as disks:
        plugin = LibvirtPlugin(uri=libvirt_host.uri, virt_type="qemu", network=NETWORK, disk_directory=str(disks))
        with opened(LibvirtHypervisor(), home(tmp_path, options=plugin)) as one:
            yield one
            for left in one.hypervisor.list_machines():
                one.hypervisor.destroy(left.machine_id)


def request(host: Host, kernel: str = WHOLE_KERNEL, *modules: str, **context: Any) -> CreateRequest:
    guest = tiny_guest(kernel, *modules)
    boots = LibvirtMachine(kernel=str(guest.kernel), initrd=str(guest.initrd), cmdline=CMDLINE)
    of_type = machinetype(
        machine_model="kernel", hypervisor="libvirt", disk_gb_per_processor=1, plugin_options={"libvirt": boots}
    )
    one = machine(machine_model="kernel", hypervisor="libvirt", memory_bytes=MEMORY)
    return create_request(host.home, one, of_type, **context)


def disks_of(host: Host) -> Path:
    return host.home.options().machines_directory


def virtiofsd_of(one: CreateRequest) -> list[str]:
    """The programs that serve a machine's directory."""
    lines = subprocess.run(["ps", "-e", "-ww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in lines.splitlines() if "virtiofsd" in line and str(one.directory) in line]


def iso(name: str, content: bytes) -> bytes:
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, rock_ridge="1.09", vol_ident="ISOCONTEXT")
    image.add_fp(io.BytesIO(content), len(content), "/CONTEXT.TXT;1", rr_name=name)
    made = io.BytesIO()
    image.write_fp(made)
    return made.getvalue()


def test_a_guest_has_its_directory_floppy_and_cd(host: Host) -> None:
    floppy = b"told by floppy".ljust(28672, b"\0")
    one = request(
        host,
        WHOLE_KERNEL,
        "floppy",
        "ahci",
        user_data=USER_DATA,
        shared={"told": b"told in a file"},
        floppy=floppy,
        cdrom=iso("context.txt", b"told by CD"),
    )
    one.directory.chmod(0o700)  # as the factory makes it
    host.hypervisor.create(one)
    shared, console = one.directory / "shared", one.directory / "console.log"
    try:
        wait_until(lambda: read_start(shared, "done", 10) == b"done\n", seconds=300)
    except AssertionError:
        raise AssertionError(console.read_text("utf-8", "replace")) from None
    found = {name: read_start(shared, name, 2**20) for name in ("floppy", "cd", "empty", "above")}
    assert found["floppy"] == floppy
    assert found["cd"] == b"told by CD"
    assert found["empty"] == b""
    assert b"root:" not in (found["above"] or b"")
    hostile = {name: read_start(shared, name, 100) for name in ("device", "link", "heard", "also-heard", "gone")}
    assert set(hostile.values()) == {None}
    assert changed_at(shared, "link") is None
    host.hypervisor.pause(one.machine.id)
    wait_until(lambda: host.paused(one.machine.id) is True)
    before = read_start(shared, "beat", 100)
    host.hypervisor.resume(one.machine.id)
    wait_until(lambda: read_start(shared, "beat", 100) not in {before, b"", None})
    image = disks_of(host) / one.machine.id / "floppy.img"
    assert image.read_bytes()[1024:].startswith(b"the guest was here")
    assert virtiofsd_of(one) != []
    assert all("sandbox=namespace" in line and "no_xattr" in line for line in virtiofsd_of(one))
    host.hypervisor.destroy(one.machine.id)
    wait_until(lambda: virtiofsd_of(one) == [])
    assert list(disks_of(host).iterdir()) == []
    assert read_start(shared, "done", 10) == b"done\n"
