"""What a host has to give away at this moment: free processors, open superslots, and when more will be free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from vac_core.config.schema import MachineType
from vac_core.model import Machine, MachineState
from vac_core.situation import Situation, Veto


@attrs.frozen
class Place:
    """Where a machine goes: its processors, when it must have ended, and how that was found."""

    machinetype: str
    processors: int
    shutdown_time: float
    how: str


@attrs.frozen
class Obstacle:
    """What keeps a machinetype from starting for want of room, and until when at the latest."""

    text: str
    until: float | None = None


@attrs.frozen
class Placing:
    """The place that was found, if any, and what keeps those whose turn came before it."""

    place: Place | None
    obstacles: Mapping[str, Obstacle]


@attrs.frozen
class OpenSlot:
    """A superslot that misses some processors."""

    end: float
    missing: int


@attrs.frozen(kw_only=True)
class Room:
    """What there is to give away. Times are Unix seconds."""

    now: float
    free: int
    largest: int
    """Most processors that one machine may have."""
    processors: int
    shutdown_time: float | None
    """No machine may outlive this."""
    open_slots: tuple[OpenSlot, ...]
    """First the one that ends first."""
    ends: tuple[tuple[float, int], ...]
    """When processors that are held now fall free, at the latest, and how many; in the order of time."""
    most: Mapping[str, int] = attrs.field(factory=dict)
    """By machinetype: most processors that its next machine may have, where that is limited further."""

    def size(self, machinetype: MachineType) -> int:
        """Most processors that a machine of a machinetype may have, were they free."""
        return min(self.largest, machinetype.max_processors, self.most.get(machinetype.name, self.largest))

    def latest_end(self, machinetype: MachineType) -> float:
        """When a machine that starts now must have ended."""
        end = self.now + machinetype.max_wallclock_seconds
        return end if self.shutdown_time is None else min(end, self.shutdown_time)

    def too_few(self, need: int) -> Obstacle:
        """That fewer processors are free than one needs."""
        until = self.ends[0][0] if self.ends else None
        if self.free == 0:
            return Obstacle(f"no processor is free: all {self.processors} are in use", until)
        return Obstacle(f"needs {need} processors and {self.free} are free", until)


def survey(situation: Situation, most: Mapping[str, int] | None = None) -> Room:
    """Look over this factory's machines; ``most`` is how many processors the next of a machinetype may have."""
    ends = sorted((_gone_by(machine, situation.now), machine.processors) for machine in situation.machines)
    return Room(
        now=situation.now,
        free=situation.free_processors,
        largest=largest_machine(situation),
        processors=situation.capacity.processors,
        shutdown_time=situation.shutdown_time,
        open_slots=tuple(_open_slots(situation)),
        ends=tuple(ends),
        most=most or {},
    )


def largest_machine(situation: Situation) -> int:
    """Most processors that one machine may have."""
    return min(situation.settings.processors_per_superslot, situation.capacity.processors)


def size_vetoes(situation: Situation) -> Iterator[Veto]:
    """Machinetypes that could not be started here even if the host were empty."""
    largest = largest_machine(situation)
    for name, machinetype in situation.machinetypes.items():
        least, most = machinetype.min_processors, machinetype.max_processors
        if least > most:
            yield Veto(machinetype=name, reason=f"min_processors {least} is more than max_processors {most}")
        elif least > largest:
            yield Veto(
                machinetype=name,
                reason=f"needs {least} processors and a machine may have {largest}: raise processors_per_superslot"
                f" ({situation.settings.processors_per_superslot}) if the host's processors"
                f" ({situation.capacity.processors}) allow it",
            )


def _gone_by(machine: Machine, now: float) -> float:
    """When a machine has ended at the latest; one that is overdue may go at any moment."""
    end = machine.shutdown_time
    if machine.state is MachineState.STOPPING and machine.stop_deadline is not None:
        end = min(end, machine.stop_deadline)
    return max(end, now)


def _open_slots(situation: Situation) -> Iterator[OpenSlot]:
    size = situation.settings.processors_per_superslot
    if size == 1:
        return
    held: dict[float, int] = {}
    for machine in situation.machines:
        held[machine.shutdown_time] = held.get(machine.shutdown_time, 0) + machine.processors
    for end, processors in sorted(held.items()):
        if end > situation.now and processors % size:
            yield OpenSlot(end, size - processors % size)
