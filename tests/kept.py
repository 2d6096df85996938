"""What tests build or fetch at some cost, kept outside the checkout for their next run."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def place_of(name: str) -> Path:
    """Where `kept` has a directory of this name, or will have it: for root, where other users can look too."""
    usual = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or usual) / "vac-tests" / name


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """A directory that ``make`` has filled, at this run or an earlier one: whole, or not there at all.

    Give it another name when what it would hold changes.
    """
    ready = place_of(name)
    base = ready.parent
    base.mkdir(parents=True, exist_ok=True)
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            being_made = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=base))
            try:
                being_made.chmod(0o755)
                make(being_made)
                being_made.rename(ready)
            except BaseException:
                shutil.rmtree(being_made, ignore_errors=True)
                raise
    return ready
