"""Why computing is suspended: BOINC's own codes and words (SUSPEND_REASON in its lib/common_defs.h)."""

from __future__ import annotations

import enum


class Suspended(enum.IntEnum):
    """A reason by its code in BOINC, which its GUI RPC and its users know."""

    BATTERIES = 1
    USER_ACTIVE = 2
    TIME_OF_DAY = 8
    NO_RECENT_INPUT = 128
    EXCLUSIVE_APP_RUNNING = 512
    CPU_USAGE = 1024

    @property
    def text(self) -> str:
        """In words."""
        return _TEXTS[self]

    def __str__(self) -> str:
        return f"{self.text} (BOINC's reason {self.value})"


_TEXTS = {
    Suspended.BATTERIES: "on batteries",
    Suspended.USER_ACTIVE: "computer is in use",
    Suspended.TIME_OF_DAY: "time of day",
    Suspended.NO_RECENT_INPUT: "no recent user activity",
    Suspended.EXCLUSIVE_APP_RUNNING: "an exclusive app is running",
    Suspended.CPU_USAGE: "CPU is busy",
}
