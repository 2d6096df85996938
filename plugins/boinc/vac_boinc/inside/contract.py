"""The guest contract of BOINC's wrappers, as they read it (samples/vboxwrapper/vboxwrapper.cpp): pure.

Times are seconds of the machine's own life, which stands still while the machine is held.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

STRIKES = 3
"""Checks without a sign of life after which a guest counts as lost; there are three in an interval."""
_INTEGER = re.compile(r"\s*([+-]?\d{1,9})")


class Trigger(NamedTuple):
    """What a guest wrote into a trigger file: a number, and a message for people."""

    number: int
    message: str = ""
    is_notice: bool = False


def trigger(raw: bytes) -> Trigger | None:
    """Read a trigger file; None while it says nothing whole: a guest may be writing it.

    Its first line is a number, its second whether the rest is meant for the owner. The wrapper takes an empty file, or
    one without a number, for 0; a first line that does not end yet is waited for, as more digits may come.
    """
    lines = raw[:65536].decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    if len(lines) == 1:
        return None
    number = _INTEGER.match(lines[0])
    flag = _INTEGER.match(lines[1])
    return Trigger(
        number=int(number[1]) if number else 0,
        is_notice=bool(flag and int(flag[1])),
        message="\n".join(lines[2:]).strip(),
    )


def fraction_done(raw: bytes) -> float | None:
    """The last line that is a number from 0 to 1; None where there is none."""
    for line in reversed(raw[-4096:].decode("ascii", "replace").replace("\r", "\n").split("\n")):
        try:
            value = float(line)
        except ValueError:
            continue
        if math.isfinite(value) and 0 <= value <= 1:
            return value
    return None


def progress(said: float | None, elapsed: float, duration: float) -> float:
    """How far a guest is: what it says itself, else how much of its time is over."""
    if said is not None:
        return said
    return min(1.0, elapsed / duration) if duration > 0 else 0.001


class Pulse(NamedTuple):
    """What is known of a guest's heartbeat: a file whose time changes."""

    interval: float
    checked: float = 0.0
    seen: float | None = None
    strikes: int = 0
    lost: str = ""

    def looked(self, elapsed: float, changed: float | None) -> Pulse:
        """After a look at the file's time, which is None where there is no file. It counts thrice in an interval."""
        if self.lost or elapsed - self.checked < self.interval / STRIKES:
            return self
        if changed is None:
            return self._replace(checked=elapsed, lost="it has no heartbeat file")
        strikes = self.strikes + 1 if changed == self.seen else 0
        lost = f"its heartbeat stopped for {self.interval:g} s" if strikes >= STRIKES else ""
        return self._replace(checked=elapsed, seen=changed, strikes=strikes, lost=lost)


EXITS = {
    0: "200 Success",
    196: "600 The task took more disk than it may (exit 196)",
    197: "600 The task took longer than it may (exit 197)",
    198: "600 The task took more memory than it may (exit 198)",
    205: "500 The machine ran out of memory (exit 205)",
    206: "500 The task could not begin here (exit 206)",
    207: "300 Nothing to do (exit 207)",
    208: "600 A part of the task failed (exit 208)",
}
"""Outcomes by BOINC's exit codes (lib/error_numbers.h)."""


CERN_OUTPUT = "Work Unit completed!"
"""What ``output`` holds then, where the application has CERN's data format."""
COMPLETED = "200 Success, after the time that it was to take"
MOST_CHARACTERS = 100
"""Of a guest's own message: a shutdown message is read up to 512 octets, and a character may take four."""


def outcome_of(code: int, message: str = "") -> str:
    """The shutdown message of an exit code; of the guest's own message no more than one line."""
    text = EXITS.get(code, f"700 The task ended with {code}" if code >= 0 else f"700 Signal {-code} ended the task")
    line = _line(message)
    return f"{text}: {line}" if line else text


def later(asked: Trigger) -> str:
    """The shutdown message of a temporary exit; its end is what Vac reads for how long the task wants to wait."""
    line = _line(asked.message)
    return f"300 It asks to be tried again{f': {line}' if line else ''} (retry after {max(0, asked.number)} s)"


def _line(message: str) -> str:
    return " ".join(message.split())[:MOST_CHARACTERS]
