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
_UTIME: Final = 11
_NICE: Final = 16
"""Fields of /proc/PID/stat after the name, proc(5); stime is the one after utime."""
_NAME_MAX: Final = 15
"""Letters of a program's name that the kernel keeps in /proc/PID/comm."""


@attrs.frozen(kw_only=True)
class Usage:
    """CPU time at one moment: all that was used on the host, by each of our machines, and by programs that give way."""

    time: float
    host: float
    machines: Mapping[str, float]
    yielding: Mapping[str, float] = attrs.field(factory=dict)
    """By the ids of processes with the least priority."""
    rates: Mapping[str, float] = attrs.field(factory=dict)
    """By machine: what it used of late, in seconds a second."""

    def followed(self, by: Usage) -> Usage:
        """The next look, with what machines have used between the two."""
        lapse = by.time - self.time
        if lapse <= 0:
            return by
        used = _grown(self.machines, by.machines)
        return attrs.evolve(by, rates={one: seconds / lapse for one, seconds in used.items()})


def host_cpu_seconds(stat: Path = Path("/proc/stat")) -> float:
    """CPU time that was used on this host since it was started."""
    fields = stat.read_text("ascii").splitlines()[0].split()[1:]
    return sum(int(fields[place]) for place in _BUSY) * _TICK


def yielding_cpu_seconds(processes: Path = Path("/proc")) -> Mapping[str, float]:
    """CPU time of each process with a nice value of 19, such as the tasks of a BOINC client, by its id."""
    told = ((one.name, _stat(one / "stat")) for one in _entries(processes) if one.name.isdigit())
    return {
        name: (int(fields[_UTIME]) + int(fields[_UTIME + 1])) * _TICK
        for name, fields in told
        if len(fields) > _NICE and fields[_NICE] == b"19"
    }


def others_percent(before: Usage, after: Usage, processors: int) -> float | None:
    """How much of all processors others have used between two moments, in percent; None where that cannot be told.

    Ours is known by machine, as the hypervisors tell from cgroups and domains: a program's name proves nothing. Of a
    machine that has gone meanwhile it is not known what it used last: it is taken to have gone on as before, or else
    each machine's end on a small host would look like an owner at work.

    Programs that give way to all others do not count, as for BOINC, whose own tasks are such. What runs in machines may
    be such too, so only the larger of the two is taken off: an owner's work is never overlooked.
    """
    lapse = after.time - before.time
    if not 0 < lapse < 3600 or after.host < before.host:
        return None
    ours = sum(_grown(before.machines, after.machines).values())
    gone = before.machines.keys() - after.machines.keys()
    ours += sum(before.rates.get(one, 0.0) * lapse for one in gone)
    spared = max(ours, sum(_grown(before.yielding, after.yielding).values()))
    others = max(0.0, after.host - before.host - spared)
    return min(100.0, 100 * others / (lapse * processors))


def _grown(before: Mapping[str, float], after: Mapping[str, float]) -> Mapping[str, float]:
    """What each has used between two moments."""
    return {one: max(0.0, used - before.get(one, 0.0)) for one, used in after.items()}


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


def _stat(path: Path) -> list[bytes]:
    """The fields after the name; none of a process that has gone. There are many of these files, so no more is done."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return os.read(file, 1024).rpartition(b")")[2].split(None, _NICE + 1)
    except OSError:
        return []
    finally:
        os.close(file)


def _line(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8").strip()
    return ""
