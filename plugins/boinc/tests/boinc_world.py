"""A host of the test's own, of which BOINC's client and our senses see the same: its terminals, power and programs.

It is a box whose /dev and /sys/class/power_supply hold what the test has put there; both find it by its usual name.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs
from engines import missing

from vac_core.testing.box import Box, box, unavailable

SUPPLIES = "/sys/class/power_supply"
LONG_AGO = 2 * 86400.0
_DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9), "ttyS0": (4, 64), "ttyACM0": (166, 0)}
TERMINALS = {"tty": (5, 0), "tty7": (4, 7), "pts/3": (136, 3)}
LAPTOP = {"AC": {"type": "Mains", "online": "1"}, "BAT0": {"type": "Battery", "status": "Charging"}}


@attrs.frozen
class World:
    """The box, and what happens at it."""

    box: Box

    def touch(self, terminal: str, ago: float) -> None:
        """Somebody typed at this terminal so many seconds ago, and at the others long ago; serial lines are busy."""
        for name in _DEVICES | TERMINALS:
            since = ago if name == terminal else LONG_AGO if name in TERMINALS else 0.0
            os.utime(self.box.path(f"/dev/{name}"), (time.time() - since, time.time()))

    def plug(self, *, in_: bool) -> None:
        """Put the laptop's plug in or out."""
        self._supply("AC", {"online": str(int(in_))})
        self._supply("BAT0", {"status": "Charging" if in_ else "Discharging"})

    def _supply(self, name: str, lines: Mapping[str, str]) -> None:
        for key, value in lines.items():
            self.box.path(f"{SUPPLIES}/{name}/{key}").write_text(f"{value}\n")

    def furnish(self, supplies: Mapping[str, Mapping[str, str]]) -> None:
        """Lay out its devices and power supplies."""
        self.box.run(["mount", "-t", "tmpfs", "tmpfs", SUPPLIES])
        for name, lines in supplies.items():
            self.box.path(f"{SUPPLIES}/{name}").mkdir()
            self._supply(name, lines)
        devices = self.box.path("/run/dev")
        devices.mkdir()
        self.box.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run/dev"])
        (devices / "pts").mkdir()
        for name, (major, minor) in (_DEVICES | TERMINALS).items():
            os.mknod(devices / name, stat.S_IFCHR | 0o600, os.makedev(major, minor))
        self.box.run(["mount", "--move", "/run/dev", "/dev"])
        self.touch("tty7", LONG_AGO)


@contextmanager
def world(supplies: Mapping[str, Mapping[str, str]] = LAPTOP) -> Iterator[World]:
    """Open such a host: a laptop, if nothing else is said."""
    if reason := unavailable():
        missing(reason)
    if not Path(SUPPLIES).is_dir():
        missing(f"this host's kernel has no {SUPPLIES}")
    with box("laptop.vac.test") as opened:
        made = World(opened)
        made.furnish(supplies)
        yield made
