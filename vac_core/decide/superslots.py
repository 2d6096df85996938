"""Which machinetype goes where: superslots, and processors kept for a larger machine whose turn it is.

A *superslot* is up to ``processors_per_superslot`` processors whose machines end at one time, so that a larger machine
can follow. It is told from the machines themselves: those with one shutdown time fill superslots, and the remainder
is what an open one misses. A machinetype joins the open superslot that ends first among those whose remaining time
suits it; else it begins a new one.

`reserving` differs from Vac 3 (`vac_core.decide.vac3_slots`) in three things:

* The order of machinetypes comes first and the place second: the one furthest below its share is never passed over
  because another one suits an earlier superslot.
* When that one needs more processors than are free, they are kept for it as they fall free. By when there will be
  enough, at the latest, follows from the shutdown times of the machines that run. Meanwhile others may only fill the
  gap: with machines that are gone by then, and that live little longer than their ``min_wallclock_seconds``, for most
  machines end long before their time and a gap that was filled for hours would be missed. So no number of small
  machines starves a large one; and nothing is kept when no larger one is waiting.
* No machine is given a shutdown time past the factory's own.

Why so: in a simulation of factories of 32 processors with one machinetype of 8 among small ones, whose work comes and
goes and which can use an hour, Vac 3's superslots, filled at once, gave it none of its share of 0.30. This rule gave
it 0.28 while one processor in three hundred was idle, or one in twenty where no machinetype says that it can use less
than a whole day. Filling each gap up to the latest time by which the processors are needed gave it 0.03.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from vac_core.config.schema import MachineType
from vac_core.decide.room import Obstacle, Place, Placing, Room, survey
from vac_core.situation import Situation

GAP_FACTOR: Final = 1.5
"""A gap is filled for so many times a machinetype's least time: the half more lets others join and end together."""


@attrs.frozen
class Kept:
    """Free processors are kept for a machinetype, which will have enough of them by ``time`` at the latest."""

    machinetype: str
    time: float


def reserving(situation: Situation, order: Sequence[str], most: Mapping[str, int] | None = None) -> Placing:
    """Find the first machinetype of ``order`` that can start now, and its place; or what keeps each of them.

    ``most`` is how many processors the next machine of a machinetype may have, where that is limited further.
    """
    room = survey(situation, most)
    kept: Kept | None = None
    obstacles: dict[str, Obstacle] = {}
    for name in order:
        machinetype = situation.machinetypes[name]
        place = _join(machinetype, room, kept) or _begin(machinetype, room, kept)
        if place is not None:
            return Placing(place, obstacles)
        wanted = None if kept else keep_for(machinetype, room)
        obstacles[name] = _obstacle(machinetype, room, wanted, kept)
        kept = kept or wanted
    return Placing(None, obstacles)


def keep_for(machinetype: MachineType, room: Room) -> Kept | None:
    """By when enough processors will be free; None if they are now, or if that would be too late."""
    free = room.free
    if free >= machinetype.min_processors:
        return None
    for end, processors in room.ends:
        free += processors
        if free >= machinetype.min_processors:
            in_time = room.shutdown_time is None or end + machinetype.least_wallclock <= room.shutdown_time
            return Kept(machinetype.name, end) if in_time else None
    return None


def _join(machinetype: MachineType, room: Room, kept: Kept | None) -> Place | None:
    """A place in the first open superslot that has enough processors and the right time left."""
    latest = _latest_end(machinetype, room, kept)
    for slot in room.open_slots:
        processors = min(room.free, slot.missing, room.size(machinetype))
        right_time = room.now + machinetype.least_wallclock <= slot.end <= latest
        if right_time and processors >= machinetype.min_processors:
            return Place(machinetype.name, processors, slot.end, "joins an open superslot")
    return None


def _begin(machinetype: MachineType, room: Room, kept: Kept | None) -> Place | None:
    """A place of its own."""
    processors = min(room.free, room.size(machinetype))
    end = _latest_end(machinetype, room, kept)
    if processors < machinetype.min_processors or end < room.now + machinetype.least_wallclock:
        return None
    how = "begins a superslot" if kept is None else f"ends before {kept.machinetype} needs its processors"
    return Place(machinetype.name, processors, end, how)


def _latest_end(machinetype: MachineType, room: Room, kept: Kept | None) -> float:
    """When one that starts now must have ended."""
    end = room.latest_end(machinetype)
    return end if kept is None else min(end, kept.time, room.now + GAP_FACTOR * machinetype.least_wallclock)


def _obstacle(machinetype: MachineType, room: Room, wanted: Kept | None, kept: Kept | None) -> Obstacle:
    need = machinetype.min_processors
    if wanted is not None and need > 1:
        return Obstacle(f"needs {need} processors and {room.free} are free: they are kept for it", wanted.time)
    if room.free < need:
        return room.too_few(need)
    if kept is not None:
        return Obstacle(f"the {room.free} free processors are kept for {kept.machinetype}, whose turn it is", kept.time)
    return Obstacle(
        f"needs {machinetype.least_wallclock} seconds, more than are left before this factory's shutdown_time"
    )
