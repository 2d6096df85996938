"""Telling a jump of the host's clock from the passing of time, and carrying machines' times across it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from vac_core.model import Machine

JUMP_SECONDS: Final = 30.0
"""A clock that gains or loses more than this between two passes has been set, not merely drifted."""


class JumpWatch:
    """Compares the wall clock with the monotonic one."""

    def __init__(self, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._offset = clock() - monotonic()

    def jump(self) -> float:
        """Seconds by which the wall clock was set since the last call; 0.0 where it was not."""
        offset = self._clock() - self._monotonic()
        jumped, self._offset = offset - self._offset, offset
        return jumped if abs(jumped) > JUMP_SECONDS else 0.0


def shifted(machine: Machine, seconds: float) -> Machine:
    """A machine as it stands on the new time, so that a jump neither ends it early nor lets it outstay its time."""

    def moved(time: float | None) -> float | None:
        return None if time is None else time + seconds

    return attrs.evolve(
        machine,
        created=machine.created + seconds,
        shutdown_time=machine.shutdown_time + seconds,
        started=moved(machine.started),
        heartbeat=moved(machine.heartbeat),
        stop_deadline=moved(machine.stop_deadline),
        ended=moved(machine.ended),
    )
