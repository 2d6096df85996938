"""Superslots as Vac 3 filled them, for comparison: the site picks it with ``superslot_rule = vac3``.

Open superslots come first and the order of machinetypes second, and nothing is kept for a machinetype that needs more
processors than are free. Vac 3 gave a machine its full life and cut it later at the factory's shutdown_time; here it
is told that time from its start, which ends it at the same moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vac_core.config.schema import MachineType
from vac_core.decide.room import Obstacle, Place, Placing, Room, survey
from vac_core.situation import Situation


def filling(situation: Situation, order: Sequence[str], most: Mapping[str, int] | None = None) -> Placing:
    """Find the machinetype that Vac 3 would start now, and its place; or what keeps each of them.

    ``most`` is how many processors the next machine of a machinetype may have, which Vac 3 did not limit.
    """
    room = survey(situation, most)
    types = [situation.machinetypes[name] for name in order]
    place = _in_open_slot(types, room) or _in_new_slot(types, room)
    if place is not None:
        return Placing(place, {})
    return Placing(None, {machinetype.name: _obstacle(machinetype, room) for machinetype in types})


def _in_open_slot(types: Sequence[MachineType], room: Room) -> Place | None:
    for slot in room.open_slots:
        free = min(room.free, slot.missing)
        for machinetype in types:
            soonest = room.now + machinetype.least_wallclock
            latest = room.now + machinetype.max_wallclock_seconds
            if free >= machinetype.min_processors and soonest <= slot.end <= latest:
                processors = min(free, room.size(machinetype))
                return Place(machinetype.name, processors, slot.end, "joins an open superslot")
    return None


def _in_new_slot(types: Sequence[MachineType], room: Room) -> Place | None:
    free = min(room.free, room.largest)
    for machinetype in types:
        if free >= machinetype.min_processors:
            processors = min(free, room.size(machinetype))
            return Place(machinetype.name, processors, room.latest_end(machinetype), "begins a superslot")
    return None


def _obstacle(machinetype: MachineType, room: Room) -> Obstacle:
    return room.too_few(machinetype.min_processors)
