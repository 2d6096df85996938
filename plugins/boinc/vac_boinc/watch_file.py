"""How long a watched machine has lived, written down so that a restart of its factory does not begin it anew.

The times are of the kernel's monotonic clock, which all processes share until the host is booted again, when no virtual
machine is left either; a host's wall clock may be set at any time.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Final

import attrs

from vac_boinc.terms import Terms
from vac_boinc.watch import Watch
from vac_core.atomic import write_atomically
from vac_core.guest_files import read_start

NAME: Final = "boinc-app.json"
"""In a machine's own directory, where its guest does not write."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_MOST: Final = 4096
_MODE: Final = 0o600


def write(directory: Path, watch: Watch) -> None:
    """Write it down. Raises `OSError`."""
    told = {"at": watch.at, "boot": _boot(), "elapsed": watch.elapsed, "held": watch.held}
    write_atomically(directory / NAME, json.dumps(told).encode("ascii"), mode=_MODE)


def read(directory: Path, terms: Terms, now: float, *, ended: bool) -> Watch | None:
    """What was written down since this host was booted; None for nothing, or nothing that can be.

    A machine that goes on has lived all the while; nobody knows when one ended that nobody has watched.
    """
    raw = read_start(directory, NAME, _MOST)
    try:
        told = json.loads(raw or b"")
        at, elapsed, held = float(told["at"]), float(told["elapsed"]), bool(told["held"])
    except (ValueError, TypeError, KeyError):
        return None
    if told.get("boot") != _boot() or not math.isfinite(elapsed) or not 0 <= at <= now or elapsed < 0:
        return None
    lived = 0.0 if held or ended else now - at
    begun = Watch.begun(terms, now, elapsed + lived)
    return attrs.evolve(begun, held=held)


def _boot() -> str:
    return _BOOT.read_text("ascii").strip()
