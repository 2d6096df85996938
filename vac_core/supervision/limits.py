"""What a machine is held to."""

from __future__ import annotations

import math
from typing import Final

import attrs

_NORMAL: Final = 100
_STEP: Final = 1.25
"""Each level of niceness leaves a process so much less of the time, sched(7) and the kernel's sched-nice-design."""
_MOST_MODEST: Final = 19


@attrs.frozen(kw_only=True)
class Limits:
    """What the kernel holds a machine to; None where there is no limit."""

    niceness: int = 0
    memory_bytes: int | None = None
    """Of the whole machine, by its cgroup."""
    address_space_bytes: int | None = None
    """Of each process."""
    file_size_bytes: int | None = None
    open_files: int | None = None
    processes: int | None = None
    processors: int | None = None
    """By how many it counts when processors are short; by its cgroup."""
    cpu_weight: int = _NORMAL
    """What each of these weighs: 100 as any other program."""

    @property
    def modesty(self) -> int:
        """The niceness with which it begins: what was asked for, or what comes nearest to its weight."""
        by_weight = round(math.log(_NORMAL / self.cpu_weight, _STEP))
        return min(_MOST_MODEST, max(self.niceness, by_weight))
