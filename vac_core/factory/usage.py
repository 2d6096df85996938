"""How much of its processors a machine has used of late, from one look to the next."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

SPAN_SECONDS: Final = 10.0
"""Looks that follow each other sooner are taken as one: CPU time comes in steps, and a short span would show those."""


class UsageMeter:
    """Remembers when each machine was last looked at, and its CPU time then."""

    def __init__(self) -> None:
        self._looks: dict[str, tuple[float, float]] = {}

    def percentage(self, machine_id: str, cpu_seconds: float, now: float) -> float | None:
        """Use since the look before, above 100 for several processors; None while too little time has passed.

        ``now`` is in Unix seconds. Where the clock or the CPU time went back, what was before says nothing.
        """
        then, used = self._looks.setdefault(machine_id, (now, cpu_seconds))
        if 0.0 <= now - then < SPAN_SECONDS and cpu_seconds >= used:
            return None
        self._looks[machine_id] = (now, cpu_seconds)
        return 100.0 * (cpu_seconds - used) / (now - then) if now > then and cpu_seconds >= used else None

    def forget_all_but(self, machine_ids: Collection[str]) -> None:
        """Keep only what is known of these."""
        self._looks = {one: look for one, look in self._looks.items() if one in machine_ids}

    def clock_was_set(self, seconds: float) -> None:
        """Move what is remembered with the clock."""
        self._looks = {one: (then + seconds, used) for one, (then, used) in self._looks.items()}
