"""Which machinetype goes where: superslots, and processors kept for a larger machine whose turn it is.

A *superslot* is up to ``processors_per_superslot`` processors whose machines end at one time, so that a larger machine
can follow. It is told from the machines themselves: those with one shutdown time fill superslots, and the remainder
is what an open one misses. A machinetype joins the open superslot that ends first among those whose remaining time
suits it; else it begins a new one.

`reserving` differs from Vac 3 (`vac_core.decide.vac3_slots`) in three things:

* The order of machinetypes comes first and the place second: the one furthest below its share is never passed over
  because another one suits an earlier superslot.
* When that one needs more processors than are free, they are kept for it. The time at which there will be enough, at
  the latest, follows from the shutdown times of the machines that run. Others may start meanwhile only if they end by
  then, for which their life is cut where their ``min_wallclock_seconds`` allows it, or if they take no more than what
  will be left over at that time. That time never moves back while its turn lasts, so no number of small machines
  starves a large one. Nothing is kept when nobody waits for it.
* No machine is given a shutdown time past the factory's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from vac_core.config.schema import MachineType
from vac_core.decide.room import Obstacle, Place, Placing, Room, survey
from vac_core.situation import Situation


@attrs.frozen(kw_only=True)
class Kept:
    """Processors that are kept for a machinetype until, at the latest, ``time``."""

    machinetype: str
    time: float
    spare: int
    """Processors that will be free at that time and that it does not need."""


def reserving(situation: Situation, order: Sequence[str]) -> Placing:
    """Find the first machinetype of ``order`` that can start now, and its place; or what keeps each of them."""
    room = survey(situation)
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


def _join(machinetype: MachineType, room: Room, kept: Kept | None) -> Place | None:
    """A place in the first open superslot that has enough processors and the right time left."""
    for slot in room.open_slots:
        if not room.now + machinetype.least_wallclock <= slot.end <= room.now + machinetype.max_wallclock_seconds:
            continue
        processors = min(room.free, slot.missing, machinetype.max_processors)
        if kept is not None and slot.end > kept.time:
            processors = min(processors, kept.spare)
        if processors >= machinetype.min_processors:
            return Place(machinetype.name, processors, slot.end, "joins an open superslot")
    return None


def _begin(machinetype: MachineType, room: Room, kept: Kept | None) -> Place | None:
    """A place of its own, cut short where that lets it end before kept processors are needed."""
    processors = min(room.free, room.largest, machinetype.max_processors)
    end = room.latest_end(machinetype)
    how = "begins a superslot" if room.largest > 1 else "takes free processors"
    if kept is not None and end > kept.time:
        if min(processors, kept.spare) >= machinetype.min_processors:
            processors = min(processors, kept.spare)
        else:
            end, how = kept.time, f"ends before {kept.machinetype} needs its processors"
    if processors < machinetype.min_processors or end < room.now + machinetype.least_wallclock:
        return None
    return Place(machinetype.name, processors, end, how)


def keep_for(machinetype: MachineType, room: Room) -> Kept | None:
    """When, at the latest, enough processors will be free; None if they are now, or if that would be too late."""
    need = machinetype.min_processors
    if room.free >= need:
        return None
    free = room.free
    time = None
    for end, processors in room.ends:
        if time is not None and end > time:
            break
        free += processors
        if time is None and free >= need:
            time = end
    if time is None or (room.shutdown_time is not None and time + machinetype.least_wallclock > room.shutdown_time):
        return None
    return Kept(machinetype=machinetype.name, time=time, spare=free - need)


def _obstacle(machinetype: MachineType, room: Room, wanted: Kept | None, kept: Kept | None) -> Obstacle:
    need = machinetype.min_processors
    if wanted is not None and need > 1:
        return Obstacle(f"needs {need} processors and {room.free} are free: they are kept for it", wanted.time)
    if room.free < need:
        return room.too_few(need)
    if kept is not None:
        return Obstacle(f"the {room.free} free processors are kept for {kept.machinetype}, whose turn it is", kept.time)
    return Obstacle(
        f"needs {machinetype.least_wallclock} seconds, which is more than this factory's shutdown_time leaves"
    )
