"""Machinetypes that failed to be made here: disabled until they change, or held back for a growing while."""

from __future__ import annotations

from typing import Final

import attrs

from vac_core.config.schema import MachineType

FIRST_HOLD_SECONDS: Final = 10.0
LONGEST_HOLD_SECONDS: Final = 600.0


@attrs.frozen
class Hold:
    """Why a machinetype is not tried, and until when; None for until its options change."""

    machinetype: MachineType
    reason: str
    until: float | None
    failures: int


class Faults:
    """What is known of machinetypes that could not be made."""

    def __init__(self) -> None:
        self._holds: dict[str, Hold] = {}

    def disable(self, machinetype: MachineType, reason: str) -> None:
        """The machinetype itself is at fault: do not try it again as it is."""
        self._holds[machinetype.name] = Hold(machinetype, reason, None, 0)

    def hold(self, machinetype: MachineType, reason: str, now: float) -> None:
        """Something else went wrong: try again after 10 s, and after each further failure twice as long, to 600 s.

        Machines that were being made at the same time count as one failure, and do not let go of a disabled type.
        """
        before = self._holds.get(machinetype.name)
        if self.holds(machinetype, now) is not None:
            return
        failures = before.failures + 1 if before is not None else 1
        wait = min(LONGEST_HOLD_SECONDS, FIRST_HOLD_SECONDS * 2 ** min(failures - 1, 10))
        self._holds[machinetype.name] = Hold(machinetype, reason, now + wait, failures)

    def forgive(self, name: str) -> None:
        """One was made: forget its failures."""
        self._holds.pop(name, None)

    def holds(self, machinetype: MachineType, now: float) -> Hold | None:
        """Why this machinetype may not be tried now, if so."""
        hold = self._holds.get(machinetype.name)
        if hold is None or (hold.until is not None and hold.until <= now):
            return None
        if hold.machinetype != machinetype:
            del self._holds[machinetype.name]
            return None
        return hold

    def shift(self, seconds: float) -> None:
        """The clock was set: a hold goes on for as long as it would have."""
        self._holds = {
            name: hold if hold.until is None else attrs.evolve(hold, until=hold.until + seconds)
            for name, hold in self._holds.items()
        }

    def next_end(self, now: float) -> float | None:
        """When the next hold ends, if one does."""
        return min((h.until for h in self._holds.values() if h.until is not None and h.until > now), default=None)
