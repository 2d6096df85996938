"""What a machine is held to."""

from __future__ import annotations

import attrs


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
