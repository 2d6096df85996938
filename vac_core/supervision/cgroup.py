"""A cgroup (version 2) of its own for each machine, where the factory may make one: nothing escapes from it.

See "Control Group v2" in the Linux kernel's documentation. Without controllers a cgroup still holds processes together,
ends them all at once and counts their CPU time; limits need the controllers that the administrator delegated.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from functools import cache
from pathlib import Path

import attrs

from vac_core.supervision.limits import Limits
from vac_core.supervision.table import Process, kill_all, process

_MOUNT = re.compile(r"^\d+ \d+ \S+ / (?P<at>\S+) .* - cgroup2 ", re.MULTILINE)
_OWN = re.compile(r"^0::(?P<path>/.*)$", re.MULTILINE)
_CONTROLLERS = ("memory", "pids", "cpu")
_ROUND_SECONDS = 0.2
_MOMENT_SECONDS = 0.001


@attrs.frozen
class Cgroup:
    """One machine's cgroup."""

    path: Path
    legacy: tuple[Path, ...] = ()
    """Its directories in hierarchies of version 1, for limits whose controllers are there: see `legacy_parents`."""

    def make(self) -> None:
        """Make it; one that is there already is no error."""
        for path in (self.path, *self.legacy):
            path.mkdir(exist_ok=True)

    def limit(self, limits: Limits) -> None:
        """Set the limits whose controllers are there."""
        for name, value in _settings(limits):
            for path in (self.path, *self.legacy):
                if value is not None and (path / name).exists():
                    (path / name).write_text(str(value), "ascii")

    def can_limit(self, name: str) -> bool:
        """Whether there is such a limit here, such as ``pids.max``."""
        return any((path / name).exists() for path in (self.path, *self.legacy))

    def add(self, pid: int) -> None:
        """Move a process here; its children will be here too."""
        for path in (self.path, *self.legacy):
            (path / "cgroup.procs").write_text(str(pid), "ascii")

    def cpu_seconds(self) -> float | None:
        """CPU time of all that ever ran here."""
        used = _number(self.path / "cpu.stat", "usage_usec")
        return None if used is None else used / 1e6

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel ended a process here for want of memory."""
        legacy = (_number(path / "memory.oom_control", "oom_kill") for path in self.legacy)
        return any((_number(self.path / "memory.events", "oom_kill"), *legacy))

    @property
    def frozen(self) -> bool:
        """Whether all that is here is held still."""
        return bool(_number(self.path / "cgroup.events", "frozen"))

    def freeze(self, held: bool) -> None:
        """Hold all that is here still, or let it go on; nothing where it is gone."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / "cgroup.freeze").write_text("1" if held else "0", "ascii")

    def processes(self) -> list[Process]:
        """Processes that are alive here and in cgroups below, which a guest may have made."""
        found = []
        for path, _, _ in os.walk(self.path):
            with contextlib.suppress(OSError):
                found += [process(int(pid)) for pid in Path(path, "cgroup.procs").read_text("ascii").split()]
        return [one for one in found if one is not None and one.alive]

    def end(self, deadline: float) -> list[Process]:
        """End all that is here, and take the cgroup away; returns what is still there at the deadline."""
        while any(path.exists() for path in (self.path, *self.legacy)):
            with contextlib.suppress(OSError):  # kernels before 5.14 have no cgroup.kill
                (self.path / "cgroup.kill").write_text("1", "ascii")
            kill_all(self.processes(), _ROUND_SECONDS)
            self._remove()
            if time.monotonic() > deadline:
                return self.processes()
        return []

    def _remove(self) -> None:
        for top in (self.path, *self.legacy):
            for path, _, _ in os.walk(top, topdown=False):
                try:
                    Path(path).rmdir()
                except FileNotFoundError:
                    continue
                except OSError:  # the kernel has not quite done with a process that was ended
                    time.sleep(_MOMENT_SECONDS)


def _settings(limits: Limits) -> tuple[tuple[str, int | None], ...]:
    """What is written where: names of version 2, then those of version 1 where they differ; the order matters there."""
    weight = None if limits.processors is None else limits.cpu_weight * limits.processors
    return (
        ("memory.max", limits.memory_bytes),
        ("pids.max", limits.processes),
        ("cpu.weight", None if weight is None else min(weight, 10000)),
        ("memory.limit_in_bytes", limits.memory_bytes),
        ("memory.memsw.limit_in_bytes", limits.memory_bytes),
        ("cpu.shares", None if weight is None else max(2, min(1024 * weight // 100, 262144))),
    )


def _number(file: Path, key: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in file.read_text("ascii").splitlines():
            if line.startswith(key + " "):
                return int(line.split()[1])
    return None


def parent_of_machines(option: str) -> Path | None:
    """Where machines' cgroups are to be made, by the option ``cgroup``; None where there is no such place."""
    if option == "no":
        return None
    parent = _own_cgroup() if option == "auto" else Path(option)
    may_write = parent is not None and all(os.access(path, os.W_OK) for path in (parent, parent / "cgroup.procs"))
    return parent if may_write else None


@cache
def _own_cgroup() -> Path | None:
    try:
        mount = _MOUNT.search(Path("/proc/self/mountinfo").read_text("utf-8"))
        own = _OWN.search(Path("/proc/self/cgroup").read_text("utf-8"))
    except OSError:
        return None
    return None if mount is None or own is None else Path(mount["at"]) / own["path"].lstrip("/")


def legacy_parents() -> tuple[Path, ...]:
    """Where version 1 of cgroups has the controllers that limit machines, and the factory may use them."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8")
        own = Path("/proc/self/cgroup").read_text("utf-8")
    except OSError:
        return ()
    found = (_legacy_parent(controller, mounts, own) for controller in _CONTROLLERS)
    return tuple(path for path in found if path is not None and os.access(path, os.W_OK))


def _legacy_parent(controller: str, mounts: str, own: str) -> Path | None:
    mount = re.search(
        rf"^\d+ \d+ \S+ (\S+) (\S+) .* - cgroup \S+ (?:\S+,)?{controller}(?:,\S+)?$", mounts, re.MULTILINE
    )
    path = re.search(rf"^\d+:(?:[^:\n]+,)?{controller}(?:,[^:\n]+)?:(/.*)$", own, re.MULTILINE)
    if mount is None or path is None:
        return None
    # In a container the mount shows a part of the hierarchy, and the path may be told as seen from its top.
    return Path(mount[2]) / path[1].removeprefix(mount[1].rstrip("/")).lstrip("/")


def cgroup_of(parent: Path, machine_id: str, legacy: tuple[Path, ...] = ()) -> Cgroup:
    """The cgroup of a machine, which need not exist."""
    name = f"vac-machine-{machine_id}"
    return Cgroup(parent / name, tuple(path / name for path in legacy))
