"""Looking at the host: cheap things each second, dear ones now and then."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import attrs

from vac_boinc import idle, load
from vac_boinc.options import BoincPlugin, plugin_options
from vac_boinc.suspension import HostState
from vac_boinc.windows import wall_clock
from vac_core.interfaces import Home

LOAD_SECONDS: Final = 10.0
"""How often BOINC samples the use of processors and looks for exclusive programs (MEMORY_USAGE_PERIOD)."""
DISK_SECONDS: Final = 60.0


@attrs.frozen(kw_only=True)
class DiskState:
    """The file system that machines are on, or the fullest of several, in octets."""

    whole: int
    free: int
    used: int
    """By machines."""


class Senses(Protocol):
    """What tells of a host; a test has its own."""

    def look(self, options: BoincPlugin) -> HostState:
        """The host as it is now."""

    def disk(self) -> DiskState:
        """Its disk."""


class LinuxSenses:
    """This host."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.time) -> None:
        self._home = home
        self._clock = clock
        self._processors = os.cpu_count() or 1  # as /proc/stat counts all
        self._usage: load.Usage | None = None
        self._others = 0.0
        self._app = ""
        self._disk: tuple[float, DiskState] | None = None

    def look(self, options: BoincPlugin) -> HostState:
        """The host as it is now."""
        now = self._clock()
        if self._usage is None or not 0 <= now - self._usage.time < LOAD_SECONDS:
            self._sample(now, options)
        return HostState(
            time=now,
            moment=wall_clock(now),
            on_batteries=load.on_batteries(),
            idle_seconds=idle.idle_seconds(options.idle_sources, options.idle_command, now),
            others_percent=self._others,
            exclusive_app=self._app,
        )

    def _sample(self, now: float, options: BoincPlugin) -> None:
        usage = load.Usage(
            time=now,
            host=load.host_cpu_seconds(),
            machines=self._home.cpu_seconds(),
            yielding=load.yielding_cpu_seconds(),
        )
        if self._usage is not None:
            self._others = load.others_percent(self._usage, usage, self._processors) or 0.0
        self._usage = usage if self._usage is None else self._usage.followed(usage)
        self._app = load.running_app(options.exclusive_app)

    def disk(self) -> DiskState:
        """The disk that machines' files are on, as it was a minute ago at the most."""
        now = self._clock()
        if self._disk is None or not 0 <= now - self._disk[0] < DISK_SECONDS:
            further = plugin_options(self._home.options()).disk_directories
            self._disk = (now, disk_of((self._home.machines_dir, *map(Path, further))))
        return self._disk[1]


def disk_of(directories: Sequence[Path]) -> DiskState:
    """What machines take up in these directories, and the fullest of the file systems that those are on."""
    there = [one for one in directories if one.is_dir()]
    fullest = min((os.statvfs(one) for one in there), key=lambda about: about.f_bavail * about.f_frsize)
    return DiskState(
        whole=fullest.f_blocks * fullest.f_frsize,
        free=fullest.f_bavail * fullest.f_frsize,
        used=sum(load.disk_used(one) for one in there),
    )
