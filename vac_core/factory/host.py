"""The host's figures: what there is to give to machines, and what VacQuery tells others of it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from vac_core.config.schema import Settings
from vac_core.model import Capacity

_KIB = 1024


class Host(Protocol):
    """Where a factory reads its host's figures."""

    def name(self) -> str:
        """The host's own name, lower-cased."""

    def capacity(self, settings: Settings) -> Capacity:
        """Processors, memory, load and disk."""

    def figures(self) -> Mapping[str, Any]:
        """The host's part of factory_status, by VacQuery's names and in its units."""


class LinuxHost:
    """The host this runs on, from /proc and statvfs."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._kernel = platform.release()
        self._os_issue = _os_issue(self._kernel)

    def name(self) -> str:
        """The host's own name, with its domain where the host knows it."""
        return platform.node().lower()

    def capacity(self, settings: Settings) -> Capacity:
        """Processors, memory, load and disk."""
        disk = os.statvfs(self._state_dir)
        return Capacity(
            processors=settings.total_processors or len(os.sched_getaffinity(0)),
            memory_bytes=_memory()["MemTotal"] * _KIB,
            load_averages=os.getloadavg(),
            disk_free_bytes=disk.f_bavail * disk.f_frsize,
        )

    def figures(self) -> Mapping[str, Any]:
        """The host's part of factory_status."""
        memory = _memory()
        root_kb, root_inodes = _disk("/tmp")  # noqa: S108 - Vac 3 reports on this very directory
        own_kb, own_inodes = _disk(self._state_dir)
        return {
            "boot_time": int(time.time() - float(Path("/proc/uptime").read_text("ascii").split()[0])),
            "root_disk_avail_kb": root_kb,
            "root_disk_avail_inodes": root_inodes,
            "daemon_disk_avail_kb": own_kb,
            "daemon_disk_avail_inodes": own_inodes,
            "load_average": os.getloadavg()[2],
            "kernel_version": self._kernel,
            "os_issue": self._os_issue,
            "swap_used_kb": memory["SwapTotal"] - memory["SwapFree"],
            "swap_free_kb": memory["SwapFree"],
            "mem_used_kb": memory["MemTotal"] - memory["MemFree"],
            "mem_total_kb": memory["MemTotal"],
        }


def _memory() -> dict[str, int]:
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def _disk(path: str | Path) -> tuple[int, int]:
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize // _KIB, disk.f_favail


def _os_issue(kernel: str) -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return kernel
