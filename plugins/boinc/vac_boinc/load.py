"""What others than our machines do with this host: its processors, exclusive programs, batteries, and the disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

_TICK: Final = 1.0 / os.sysconf("SC_CLK_TCK")
_BUSY: Final = (0, 1, 2, 5, 6)
"""Fields of the line ``cpu`` of /proc/stat, proc(5): user, nice, system, irq and softirq."""
_NAME_MAX: Final = 15
"""Letters of a program's name that the kernel keeps in /proc/PID/comm."""


@attrs.frozen(kw_only=True)
class Usage:
    """CPU time at one moment: all that was used on the host, and by each of our machines, in seconds."""

    time: float
    host: float
    machines: Mapping[str, float]
    rates: Mapping[str, float] = attrs.field(factory=dict)
    """By machine: what it used of late, in seconds a second."""

    def followed(self, by: Usage) -> Usage:
        """The next look, with what machines have used between the two."""
        lapse = by.time - self.time
        if lapse <= 0:
            return by
        used = {one: max(0.0, seconds - self.machines.get(one, 0.0)) for one, seconds in by.machines.items()}
        return attrs.evolve(by, rates={one: seconds / lapse for one, seconds in used.items()})


def host_cpu_seconds(stat: Path = Path("/proc/stat")) -> float:
    """CPU time that was used on this host since it was started."""
    fields = stat.read_text("ascii").splitlines()[0].split()[1:]
    return sum(int(fields[place]) for place in _BUSY) * _TICK


def others_percent(before: Usage, after: Usage, processors: int) -> float | None:
    """How much of all processors others have used between two moments, in percent; None where that cannot be told.

    Ours is known by machine, as the hypervisors tell from cgroups and domains: a program's name proves nothing. Of a
    machine that has gone meanwhile it is not known what it used last: it is taken to have gone on as before, or else
    each machine's end on a small host would look like an owner at work.
    """
    lapse = after.time - before.time
    if not 0 < lapse < 3600 or after.host < before.host:
        return None
    ours = sum(max(0.0, used - before.machines.get(one, 0.0)) for one, used in after.machines.items())
    gone = before.machines.keys() - after.machines.keys()
    ours += sum(before.rates.get(one, 0.0) * lapse for one in gone)
    others = max(0.0, after.host - before.host - ours)
    return min(100.0, 100 * others / (lapse * processors))


def on_batteries(supplies: Path = Path("/sys/class/power_supply")) -> bool:
    """Whether this host runs on batteries: it has some, and no mains that is on."""
    kinds = [(_line(one / "type"), _line(one / "online"), _line(one / "status")) for one in _entries(supplies)]
    mains = [online for kind, online, _ in kinds if kind == "Mains"]
    if mains:
        return "1" not in mains and any(kind == "Battery" for kind, _, _ in kinds)
    return any(kind == "Battery" and status == "Discharging" for kind, _, status in kinds)


def running_app(names: Collection[str], processes: Path = Path("/proc")) -> str:
    """The first of these programs that runs; empty if none does. Letters count as small ones, as for BOINC."""
    if not names:
        return ""
    known = {name[:_NAME_MAX].lower(): name for name in names}
    running = (_line(one / "comm").lower() for one in _entries(processes) if one.name.isdigit())
    return next((known[name] for name in running if name in known), "")


def disk_used(directory: Path) -> int:
    """Octets of disk that files below a directory take up."""
    total = 0
    for where, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(f"{where}/{name}").st_blocks * 512
    return total


def _entries(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from directory.iterdir()


def _line(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8").strip()
    return ""
