"""GPUs of the host: each is lent to one machine at a time, as the records on disk tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vac_core.interfaces import PluginError
from vac_docker.record import Record
from vac_docker.values import Gpu


def lend(all_of_them: Sequence[Gpu], records: Iterable[Record], wanted: int) -> tuple[Gpu, ...]:
    """So many of those that no machine has; raises `PluginError` where there are too few."""
    taken = {name for record in records for name in record.gpus}
    free = [gpu for gpu in all_of_them if gpu.name not in taken]
    if len(free) < wanted:
        raise PluginError(f"it wants {wanted} GPUs, and {len(free)} of {len(all_of_them)} are free: wait for a machine")
    return tuple(free[:wanted])
