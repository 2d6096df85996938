"""An initial file system for Linux, made in memory: a newc cpio archive of busybox, modules and a few scripts."""

from __future__ import annotations

import io
import re
import stat
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

DIRECTORIES: Final = (
    "bin", "sbin", "usr", "usr/bin", "usr/sbin", "dev", "proc", "sys", "run", "tmp", "etc", "etc/acpi", "etc/acpi/PWRF",
    "modules", "root",
)  # fmt: skip

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


class Cpio:
    """A cpio archive of the ``newc`` kind (Linux's Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self) -> None:
        self._archive = io.BytesIO()
        self._entries = 0

    def add(self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        """Add a file, directory, link or device."""
        self._entries += 1
        named = name.encode() + b"\0"
        numbers = (self._entries, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(named), 0)
        self._archive.write(b"070701" + b"".join(b"%08X" % number for number in numbers) + named)
        self._pad()
        self._archive.write(content)
        self._pad()

    def _pad(self) -> None:
        self._archive.write(bytes(-self._archive.tell() % 4))

    def finished(self) -> bytes:
        """The whole archive."""
        self.add("TRAILER!!!", 0)
        return self._archive.getvalue()


def initrd(busybox: Path, modules: Iterable[Path], programs: Mapping[str, bytes]) -> bytes:
    """An archive with busybox under all its names, modules with the order in which to load them, and programs."""
    archive = Cpio()
    for name in DIRECTORIES:
        archive.add(name, stat.S_IFDIR | 0o755)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add("dev/null", stat.S_IFCHR | 0o666, device=(1, 3))
    archive.add("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes())
    for name in _applets(busybox):
        archive.add(name, stat.S_IFLNK | 0o777, b"/bin/busybox")
    order = [module.stem for module in modules]
    for module in modules:
        archive.add(f"modules/{module.name}", stat.S_IFREG | 0o644, module.read_bytes())
    archive.add("modules/order", stat.S_IFREG | 0o644, "".join(f"{name}\n" for name in order).encode())
    for name, content in programs.items():
        archive.add(name, stat.S_IFREG | 0o755, content)
    return archive.finished()


def _applets(busybox: Path) -> list[str]:
    listed = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if name != "bin/busybox"]


def in_order(wanted: Iterable[str], directory: Path) -> list[Path]:
    """Modules of a kernel with those that they need, each after what it needs; what is built in is left out.

    A module says itself what it needs: the kernel's package has no modules.dep until depmod has run.
    """
    here = {_canonical(path.stem): path for path in directory.rglob("*.ko")}
    ordered: dict[Path, None] = {}

    def take(name: str) -> None:
        path = here.get(_canonical(name))
        if path is None or path in ordered:
            return
        found = _DEPENDS.search(path.read_bytes())
        for needed in found[1].decode().split(",") if found else ():
            take(needed)
        ordered[path] = None

    for name in wanted:
        take(name)
    return list(ordered)


def _canonical(name: str) -> str:
    return name.replace("-", "_")
