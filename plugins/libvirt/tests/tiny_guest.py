"""A guest that boots in seconds: Debian's kernel and busybox, with an init that does what its user data says.

Its init reads a NoCloud or config drive seed by label, or else user data over HTTP; takes an address by DHCP; heeds the
power button; runs the user data with `get URL` and `put URL TEXT` at hand; and powers off.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import attrs
from guest_packages import KERNEL, GuestPackages, guest_packages
from kept import kept
from tiny_initrd import in_order, initrd

FILES: Final = Path(__file__).with_name("tiny_guest_files")

MODULES: Final = (
    "virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "isofs", "af_packet", "evdev", "button", "pvpanic_mmio",
    "virtio_scsi", "ata_piix", "sr_mod", "virtiofs",
)  # fmt: skip

CMDLINE: Final = (
    "console=ttyS0 quiet panic=0 tsc=reliable no_timer_check cryptomgr.notests mitigations=off random.trust_cpu=on "
    "rcupdate.rcu_expedited=1 nokaslr"
)
MEMORY_MB: Final = 96
"""It needs 80."""


@attrs.frozen
class TinyGuest:
    """Its files, where any user may read them."""

    kernel: Path
    initrd: Path


def tiny_guest(kernel: str = KERNEL, *more_modules: str) -> TinyGuest:
    """The guest; a skip with its reason, or in CI a failure, where its packages cannot be had."""
    packages = guest_packages(kernel)
    files = initial_files(packages, *more_modules)
    name = f"tiny-guest-{hashlib.sha256(files).hexdigest()[:16]}"
    made = kept(name, lambda directory: _write(directory / "initrd", files))
    return TinyGuest(packages.vmlinux, made / "initrd")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def initial_files(packages: GuestPackages, *more_modules: str) -> bytes:
    """Its initial file system."""
    own = {name: (FILES / name).read_bytes() for name in ("put", "get", "take-lease")}
    programs = {
        "init": (FILES / "init").read_bytes(),
        "etc/acpi/PWRF/00000080": (FILES / "power-button").read_bytes(),
        **{f"bin/{name}": content for name, content in own.items()},
    }
    modules = in_order((*MODULES, *more_modules), packages.modules)
    return initrd(packages.busybox, modules, programs)
