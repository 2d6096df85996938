"""Which processes belong to a machine, also those that left its process group."""

from __future__ import annotations

from collections.abc import Iterable

from vac_core.supervision.record import Supervised, marker
from vac_core.supervision.table import Process, environment


def members(machine_id: str, supervised: Supervised | None, table: Iterable[Process]) -> list[Process]:
    """The machine's processes that are alive, out of the host's.

    They are those of its session, those that still carry its id in their environment, and all descendants of these. A
    process that took another session, cleared its environment and lost its parents is missed: only a cgroup holds it.
    """
    if supervised is not None and not supervised.this_boot:
        supervised = None
    own_marker = marker(machine_id)
    since = 0 if supervised is None else supervised.start_ticks
    recent = [one for one in table if one.start_ticks >= since and one.alive]
    own_session = _session(supervised, recent)
    found = {
        one.pid: one
        for one in recent
        if (own_session is not None and one.session == own_session) or own_marker in environment(one.pid)
    }
    grown = True
    while grown:
        children = {one.pid: one for one in recent if one.parent in found and one.pid not in found}
        found.update(children)
        grown = bool(children)
    return list(found.values())


def _session(supervised: Supervised | None, recent: Iterable[Process]) -> int | None:
    """Its session's number, unless that number is another process's by now: it cannot be while the session lives."""
    if supervised is None:
        return None
    leader = next((one for one in recent if one.pid == supervised.pid), None)
    return supervised.pid if leader is None or supervised.is_(leader) else None
