"""What the host has of memory and huge pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import attrs

_MEMINFO: Final = Path("/proc/meminfo")
_LINE: Final = re.compile(r"^(\w+):\s+(\d+)(?: kB)?$", re.MULTILINE)


@attrs.frozen(kw_only=True)
class HostMemory:
    """Octets, and pages."""

    total: int
    page_size: int
    """Of huge pages, the kernel's default size; 0 where it has none."""
    pages: int
    """Huge pages that are reserved, used ones included."""


def read_memory(text: str) -> HostMemory:
    """Read /proc/meminfo (proc(5))."""
    found = {name: int(number) for name, number in _LINE.findall(text)}
    return HostMemory(
        total=found.get("MemTotal", 0) * 1024,
        page_size=found.get("Hugepagesize", 0) * 1024,
        pages=found.get("HugePages_Total", 0),
    )


def host_memory() -> HostMemory:
    """As it is now."""
    return read_memory(_MEMINFO.read_text("ascii"))
