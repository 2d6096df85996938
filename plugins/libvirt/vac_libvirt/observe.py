"""What can be seen of machines now: their records, and the domains that run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from vac_core.interfaces import Observed
from vac_libvirt.ends import UNFINISHED, UNSEEN
from vac_libvirt.record import Record
from vac_libvirt.stats import Figures


def observe(
    records: Iterable[Record], running: Mapping[str, Figures], creating: Collection[str], seen: Mapping[str, Figures]
) -> list[Observed]:
    """All machines of a factory.

    ``running`` are the figures of its domains by machine id, those without a record included; ``creating`` the ids of
    machines being made at this moment; ``seen`` the latest figures of all.
    """
    found = {machine_id: _running(machine_id, figures) for machine_id, figures in running.items()}
    for record in records:
        if record.machine_id not in found:
            found[record.machine_id] = _without_domain(record, creating, seen.get(record.machine_id))
    return list(found.values())


def _running(machine_id: str, figures: Figures) -> Observed:
    return Observed(machine_id=machine_id, running=True, paused=figures.paused, cpu_seconds=figures.cpu_seconds)


def _without_domain(record: Record, creating: Collection[str], seen: Figures | None) -> Observed:
    if record.machine_id in creating:
        return Observed(machine_id=record.machine_id, running=False)
    end = record.end()
    used = seen.cpu_seconds if seen is not None else None
    if end is not None:
        note, used = end.note, used if end.cpu_seconds is None else end.cpu_seconds
    else:
        note = UNSEEN if record.started else UNFINISHED
    return Observed(machine_id=record.machine_id, running=False, ended=True, cpu_seconds=used, note=note)
