"""What can be seen of machines now, from their records and the kernel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from vac_core.interfaces import Observed
from vac_core.supervision.cgroup import Cgroup
from vac_core.supervision.record import Record
from vac_core.supervision.signal import is_held
from vac_core.supervision.table import Process, processes


def observe(records: Iterable[Record], creating: Collection[str]) -> list[Observed]:
    """Each machine that has a record; ``creating`` names those that are being made at this moment."""
    table = _Table()
    return [
        Observed(machine_id=record.machine_id, running=False)
        if record.machine_id in creating
        else _observed(record, table)
        for record in records
    ]


class _Table:
    """CPU time by session; the kernel's table is read only if it is asked for, and then once."""

    @cached_property
    def _all(self) -> Sequence[Process]:
        return tuple(processes())

    @cached_property
    def _children(self) -> Mapping[int, Sequence[Process]]:
        found: dict[int, list[Process]] = {}
        for one in self._all:
            found.setdefault(one.parent, []).append(one)
        return found

    def cpu_seconds(self, session: int) -> float:
        """What the processes of a session have used, and their descendants, which may have taken another session."""
        used: dict[int, float] = {}
        waiting = [one for one in self._all if one.session == session]
        while waiting:
            one = waiting.pop()
            if one.pid not in used:
                used[one.pid] = one.cpu_seconds
                waiting += self._children.get(one.pid, ())
        return sum(used.values())


def _observed(record: Record, table: _Table) -> Observed:
    supervised = record.supervised()
    if supervised is None:
        return Observed(machine_id=record.machine_id, running=False, ended=True, note="its creation was not finished")
    cgroup = supervised.held_in
    supervisor = supervised.now()
    if supervisor is None:
        return _ended(record, cgroup)
    used = None if cgroup is None else cgroup.cpu_seconds()
    return Observed(
        machine_id=record.machine_id,
        running=True,
        paused=is_held(supervised, supervisor),
        cpu_seconds=table.cpu_seconds(supervised.pid) if used is None else used,
    )


def _ended(record: Record, cgroup: Cgroup | None) -> Observed:
    ending = record.ending()
    used = None if cgroup is None else cgroup.cpu_seconds()
    if ending is None:
        note = "nothing recorded how it ended: its supervisor was ended too, or the host was started again"
        return Observed(machine_id=record.machine_id, running=False, ended=True, cpu_seconds=used, note=note)
    return Observed(
        machine_id=record.machine_id,
        running=False,
        ended=True,
        cpu_seconds=ending.cpu_seconds if used is None else used,
        exit_code=ending.exit_code,
        note="out of memory" if cgroup is not None and cgroup.out_of_memory else ending.note,
    )
