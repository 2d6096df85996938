"""Which of a machine's processes are the guest's own, and which are Apptainer's around it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from vac_core.supervision.table import Process

_NUMBERS = re.compile(r"^NSpid:((?:\s+\d+)+)$", re.MULTILINE)


def inside(session: Iterable[Process]) -> list[Process]:
    """Processes of a container, out of its session's; none while it is still being made.

    Apptainer passes on what it is sent. Were it asked to end too, the guest would be asked twice, and might take the
    second for impatience.
    """
    return [one for one in session if is_inside(numbers(one.pid))]


def is_inside(found: tuple[int, ...]) -> bool:
    """Whether a process with these numbers is in a PID namespace of its own, and not the first there."""
    return len(found) > 1 and found[-1] != 1


def numbers(pid: int) -> tuple[int, ...]:
    """A process's number in each PID namespace that it is in, from ours inwards, see proc(5); none if it has ended."""
    try:
        match = _NUMBERS.search(Path(f"/proc/{pid}/status").read_text("utf-8", "replace"))
    except OSError:
        return ()
    return () if match is None else tuple(map(int, match[1].split()))
