"""A real Debian with the real cloud-init, made from Debian's packages: its kernel, an initial file system and a disk.

It is what a VO's cloud image is, but that it boots its kernel directly and has an init of its own in systemd's place,
which brings up cloud-init in the same order in half the time. With `SYSTEMD` it has the real one.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

import attrs
from engines import missing
from guest_packages import GuestPackages, guest_packages
from kept import kept
from tiny_guest import MODULES
from tiny_initrd import in_order, initrd

FILES: Final = Path(__file__).with_name("cloud_guest_files")
SUITE: Final = "bookworm"
PACKAGES: Final = ("cloud-init", "iproute2", "isc-dhcp-client", "curl", "kmod", "netbase", "udev", "systemd-sysv")
OPTIONS: Final = (
    "--variant=minbase",
    "--mode=root",
    "--quiet",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=force-unsafe-io",
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=APT::Install-Recommends "false"',
)
PLACES: Final = {
    "init": ("sbin/vac-tests-init", 0o755),
    "95_vac_tests.cfg": ("etc/cloud/cloud.cfg.d/95_vac_tests.cfg", 0o644),
    "50-vac-tests.network": ("etc/systemd/network/50-vac-tests.network", 0o644),
}
UNITS: Final = {
    "multi-user.target.wants": "systemd-networkd.service",
    "network-online.target.wants": "systemd-networkd-wait-online.service",
}
SYSTEMD: Final = "init=/sbin/init"
"""On the kernel's command line it lets the guest have systemd, which wants the package dbus to be told to power off."""
DISK_MB: Final = 400
MEMORY_MB: Final = 256
CMDLINE: Final = (
    "console=ttyS0 quiet net.ifnames=0 tsc=reliable no_timer_check cryptomgr.notests mitigations=off "
    "random.trust_cpu=on rcupdate.rcu_expedited=1 nokaslr"
)


@attrs.frozen
class Recipe:
    """What its disk is made of."""

    packages: tuple[str, ...]
    disk_mb: int


@attrs.frozen
class CloudGuest:
    """Its files, where any user may read them."""

    kernel: Path
    initrd: Path
    disk: Path


def cloud_guest(*more: str, disk_mb: int = DISK_MB) -> CloudGuest:
    """The guest, with more packages; a skip with its reason, or in CI a failure, where they cannot be had."""
    for tool in ("mmdebstrap", "mkfs.ext4"):
        if shutil.which(tool) is None:
            missing(f"{tool} is not installed: no Debian can be made to boot here")
    packages = guest_packages()
    recipe = Recipe(packages=(*PACKAGES, *more), disk_mb=disk_mb)
    try:
        made = kept(f"cloud-guest-{_digest(packages, recipe)}", lambda directory: _make(packages, recipe, directory))
    except subprocess.CalledProcessError as problem:
        missing(f"no Debian can be made to boot here: {problem}: {(problem.stderr or b'')[-2000:]!r}")
    return CloudGuest(packages.vmlinux, made / "initrd", made / "disk.raw")


def _digest(packages: GuestPackages, recipe: Recipe) -> str:
    """Another when what is made would be."""
    digest = hashlib.sha256(repr((SUITE, recipe, OPTIONS, PLACES, UNITS, packages.vmlinuz.name)).encode())
    for file in (Path(__file__), *sorted(FILES.iterdir())):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _make(packages: GuestPackages, recipe: Recipe, directory: Path) -> None:
    programs = {"init": (FILES / "switch-root").read_bytes()}
    (directory / "initrd").write_bytes(initrd(packages.busybox, in_order(MODULES, packages.modules), programs))
    root = directory / "root"
    _run("mmdebstrap", *OPTIONS, f"--include={','.join(recipe.packages)}", SUITE, root)
    for name, (place, mode) in PLACES.items():
        (root / place).write_bytes((FILES / name).read_bytes())
        (root / place).chmod(mode)
    for wants, unit in UNITS.items():
        directory_of_links = root / "etc/systemd/system" / wants
        directory_of_links.mkdir(exist_ok=True)
        (directory_of_links / unit).symlink_to(f"/lib/systemd/system/{unit}")
    (root / "etc/hostname").write_text("localhost\n")
    (root / "etc/machine-id").write_text("")
    disk = directory / "disk.raw"
    _run("truncate", f"--size={recipe.disk_mb}M", disk)
    _run("mkfs.ext4", "-q", "-F", "-L", "root", "-O", "^has_journal", "-m", "0", "-d", root, disk)
    shutil.rmtree(root)


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, stdin=subprocess.DEVNULL, capture_output=True)
