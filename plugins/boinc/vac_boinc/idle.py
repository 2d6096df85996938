"""When somebody last touched this computer: from an idle daemon, terminals, logind or a command of the site's.

A daemon has no screen of its own to ask, and under Wayland nobody has. Where an idle daemon tells by shared memory, its
word alone counts, as it does for new BOINC clients (client/hostinfo_unix.cpp).
"""

from __future__ import annotations

import contextlib
import logging
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

SHARED: Final = Path("/dev/shm/idle_detect_shmem")  # noqa: S108 - where the idle daemon and BOINC meet
"""Two 64-bit integers: when it was written, and when the last input was, in Unix seconds."""
FRESH_SECONDS: Final = 60
AHEAD_SECONDS: Final = 10
COMMAND_SECONDS: Final = 5.0
_TIMES: Final = struct.Struct("=qq")
_TERMINALS: Final = ("tty", "tty[0-9]*", "pts/[0-9]*")
"""A program that asks for a password, or shows a page at a time, reads from /dev/tty, and only that is touched."""
_ASK_LOGIND: Final = ("loginctl", "show-session", "--property=IdleHint", "--property=IdleSinceHint")
_MICROSECOND: Final = 1e-6


def from_shared_memory(now: float, path: Path = SHARED) -> float | None:
    """Seconds since the last input as an idle daemon tells; None where there is none, or it has stopped."""
    try:
        with path.open("rb") as file:
            written, touched = _TIMES.unpack(file.read(_TIMES.size))
    except (OSError, struct.error):
        return None
    if not now - FRESH_SECONDS <= written <= now + AHEAD_SECONDS:
        return None
    return max(0.0, now - float(touched))


def from_terminals(now: float, devices: Path = Path("/dev")) -> float | None:
    """Seconds since anything was typed at a terminal; None where there are no terminals."""
    touched = max(_access_times(devices), default=None)
    return None if touched is None else max(0.0, now - touched)


def _access_times(devices: Path) -> Iterator[float]:
    for pattern in _TERMINALS:
        for path in devices.glob(pattern):
            with contextlib.suppress(OSError):
                yield path.stat().st_atime


def from_logind(now: float, ask: Callable[[Sequence[str]], str | None] | None = None) -> float | None:
    """Seconds since logind found all sessions idle; 0 while it does not, None where there is no logind.

    The hint is that of logind as a whole (org.freedesktop.login1, IdleHint), whoever sits at the computer: loginctl(1)
    shows it where no session is named.
    """
    told = (ask or run)(_ASK_LOGIND)
    words = dict(line.partition("=")[::2] for line in (told or "").splitlines())
    if words.get("IdleHint") not in {"yes", "no"}:
        return None
    since = words.get("IdleSinceHint", "")
    if words["IdleHint"] == "no" or not since.isdigit():
        return 0.0
    return max(0.0, now - int(since) * _MICROSECOND)


def from_command(command: Sequence[str]) -> float | None:
    """Seconds since the last input as a command of the site's prints them; None where it prints no such number."""
    told = run(command) if command else None
    try:
        seconds = float(told or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def run(command: Sequence[str]) -> str | None:
    """What a command prints within its deadline; None where it fails."""
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=COMMAND_SECONDS, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        _log.debug("%s tells nothing: %s", command[0], error)
        return None
    return ran.stdout


def idle_seconds(sources: Sequence[str], command: Sequence[str], now: float) -> float | None:
    """Seconds since the latest input that any of the sources knows of; None where none knows anything."""
    shared = from_shared_memory(now) if "shm" in sources else None
    if shared is not None:
        return shared
    asked: dict[str, Callable[[], float | None]] = {
        "tty": lambda: from_terminals(now),
        "logind": lambda: from_logind(now),
        "command": lambda: from_command(command),
    }
    told = (asked[source]() for source in sources if source in asked)
    return min((one for one in told if one is not None), default=None)
