"""What to do where the journal and a hypervisor's truth differ: one table, used at start-up and ever after.

The hypervisor is the truth of what runs, the journal the truth of what was intended. The daemon may have died at any
instruction, so every pair of a journalled state and an observation has a row here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from vac_core.interfaces import Observed
from vac_core.model import Happening, Machine, MachineState


class Seen(enum.StrEnum):
    """What a hypervisor shows of a machine."""

    ABSENT = "absent"
    COMING = "coming up"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


_S, _H, _V = MachineState, Happening, Seen

HAPPENINGS: Final[Mapping[tuple[MachineState, Seen], tuple[Happening, ...]]] = {
    (_S.PLANNED, _V.ABSENT): (_H.GONE,),
    (_S.PLANNED, _V.COMING): (_H.CREATED,),
    (_S.PLANNED, _V.RUNNING): (_H.CREATED, _H.SEEN_RUNNING),
    (_S.PLANNED, _V.PAUSED): (_H.CREATED, _H.SEEN_RUNNING, _H.PAUSE),
    (_S.PLANNED, _V.ENDED): (_H.CREATED, _H.GONE),
    (_S.STARTING, _V.ABSENT): (_H.GONE,),
    (_S.STARTING, _V.COMING): (),
    (_S.STARTING, _V.RUNNING): (_H.SEEN_RUNNING,),
    (_S.STARTING, _V.PAUSED): (_H.SEEN_RUNNING, _H.PAUSE),
    (_S.STARTING, _V.ENDED): (_H.GONE,),
    (_S.RUNNING, _V.ABSENT): (_H.GONE,),
    (_S.RUNNING, _V.COMING): (),
    (_S.RUNNING, _V.RUNNING): (),
    (_S.RUNNING, _V.PAUSED): (_H.PAUSE,),
    (_S.RUNNING, _V.ENDED): (_H.GONE,),
    (_S.PAUSED, _V.ABSENT): (_H.GONE,),
    (_S.PAUSED, _V.COMING): (),
    (_S.PAUSED, _V.RUNNING): (_H.RESUME,),
    (_S.PAUSED, _V.PAUSED): (),
    (_S.PAUSED, _V.ENDED): (_H.GONE,),
    (_S.STOPPING, _V.ABSENT): (_H.GONE,),
    (_S.STOPPING, _V.COMING): (),
    (_S.STOPPING, _V.RUNNING): (),
    (_S.STOPPING, _V.PAUSED): (),
    (_S.STOPPING, _V.ENDED): (_H.GONE,),
    (_S.ENDED, _V.ABSENT): (),
    (_S.ENDED, _V.COMING): (),
    (_S.ENDED, _V.RUNNING): (),
    (_S.ENDED, _V.PAUSED): (),
    (_S.ENDED, _V.ENDED): (),
}
"""Journalled state and observation to the happenings that bring the journal up to the truth.

An ended machine needs none: whatever its hypervisor shows, it is cleared away.
"""


@attrs.frozen
class Finding:
    """What happened to one machine, as far as journal and hypervisor together tell."""

    machine: Machine
    observed: Observed | None
    happenings: tuple[Happening, ...]


@attrs.frozen
class Reconciliation:
    """All that one look at a hypervisor brought."""

    findings: tuple[Finding, ...]
    strays: tuple[str, ...]
    """Machines that are there and that no unfinished row tells of: to be destroyed."""


def seen(observed: Observed | None) -> Seen:
    """An observation in one word."""
    if observed is None:
        return Seen.ABSENT
    if observed.ended:
        return Seen.ENDED
    if observed.paused:
        return Seen.PAUSED
    return Seen.RUNNING if observed.running else Seen.COMING


def reconcile(
    machines: Iterable[Machine], observations: Iterable[Observed], in_creation: frozenset[str] = frozenset()
) -> Reconciliation:
    """Compare one hypervisor's unfinished machines with what it shows.

    ``in_creation`` are ids whose creation is under way in this daemon: nothing is said of those.
    """
    shown = {observed.machine_id: observed for observed in observations}
    known = {machine.id: machine for machine in machines}
    findings = tuple(
        Finding(machine, shown.get(machine_id), HAPPENINGS[machine.state, seen(shown.get(machine_id))])
        for machine_id, machine in known.items()
        if machine_id not in in_creation
    )
    return Reconciliation(findings, tuple(sorted(shown.keys() - known.keys() - in_creation)))
