"""What guests are made of: Debian's kernel for virtual machines, busybox and isolinux, unpacked from their packages."""

from __future__ import annotations

import lzma
import shutil
import subprocess
from pathlib import Path
from typing import Final

import attrs
from debian_packages import download
from engines import missing
from kept import kept

NAME: Final = "guest-packages-1"
SUITE: Final = "bookworm"
KERNEL: Final = "linux-image-cloud-amd64"
WHOLE_KERNEL: Final = "linux-image-amd64"
"""With drivers for what no cloud has, such as floppy disks; it takes longer to boot."""
OTHERS: Final = ("busybox-static", "isolinux", "syslinux-common")

_LZ4_LEGACY: Final = b"\x02\x21\x4c\x18"
_XZ: Final = b"\xfd7zXZ\0"


@attrs.frozen
class GuestPackages:
    """An unpacked kernel and the programs beside it."""

    root: Path

    @property
    def vmlinuz(self) -> Path:
        """The kernel as a boot loader takes it."""
        return next((self.root / "boot").glob("vmlinuz-*"))

    @property
    def vmlinux(self) -> Path:
        """The same kernel unpacked: QEMU enters it directly (PVH), which saves the guest a second."""
        return self.root / "vmlinux"

    @property
    def modules(self) -> Path:
        return self.root / "lib/modules"

    @property
    def busybox(self) -> Path:
        return self.root / "bin/busybox"

    @property
    def isolinux(self) -> Path:
        return self.root / "usr/lib/ISOLINUX/isolinux.bin"

    @property
    def ldlinux(self) -> Path:
        return self.root / "usr/lib/syslinux/modules/bios/ldlinux.c32"


def guest_packages(kernel: str = KERNEL) -> GuestPackages:
    """Fetched once; a skip with its reason, or in CI a failure, where they cannot be had."""
    for tool in ("apt-get", "dpkg", "dpkg-deb", "lz4"):
        if shutil.which(tool) is None:
            missing(f"{tool} is not installed: no kernel for guests can be had here")
    try:
        name = NAME if kernel == KERNEL else f"{NAME}-{kernel}"
        return GuestPackages(kept(name, lambda directory: _unpack(kernel, directory)))
    except subprocess.SubprocessError as problem:
        missing(f"no kernel for guests can be had: {problem}")


def _unpack(kernel: str, directory: Path) -> None:
    fetched = directory / "fetched"
    for step, names in enumerate([(kernel, *OTHERS), ()]):
        at = fetched / str(step)
        at.mkdir(parents=True)
        for package in download(SUITE, names or [_kernel(kernel, fetched / "0")], at):
            subprocess.run(["dpkg", "--extract", package, directory], check=True)
    shutil.rmtree(fetched)
    packages = GuestPackages(directory)
    packages.vmlinux.write_bytes(unpacked(packages.vmlinuz.read_bytes()))


def _kernel(newest: str, fetched: Path) -> str:
    """The package of the kernel that the package of the newest kernel depends on."""
    package = next(fetched.rglob(f"{newest}_*.deb"))
    asked = ["dpkg-deb", "--field", package, "Depends"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0]


def unpacked(vmlinuz: bytes) -> bytes:
    """The ELF file in a bzImage (Linux's Documentation/arch/x86/boot.rst, `payload_offset` and `payload_length`)."""
    sectors = vmlinuz[0x1F1] or 4
    offset, length = (int.from_bytes(vmlinuz[at : at + 4], "little") for at in (0x248, 0x24C))
    begin = (sectors + 1) * 512 + offset
    # Its last four octets are the size of what is packed.
    payload = vmlinuz[begin : begin + length - 4]
    if payload.startswith(_XZ):
        return lzma.decompress(payload)
    assert payload.startswith(_LZ4_LEGACY), "Debian's kernel is packed in another way now: unpack that here"
    return subprocess.run(["lz4", "-dc"], input=payload, capture_output=True, check=True).stdout
