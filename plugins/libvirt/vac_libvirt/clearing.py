"""Taking away all that was made for a machine, in the order opposite to its making; the record goes last."""

from __future__ import annotations

import shutil
from pathlib import Path

from vac_core.interfaces import PluginError
from vac_libvirt.record import Record
from vac_libvirt.works import Works


def clear(works: Works, record: Record) -> None:
    """End a machine's domain, and remove its disks, interfaces' remains and record. Doing it again is no error."""
    works.domains.end(record.machine_id)
    made = record.made()
    directory = works.disk_directory(record.machine_id) if made is None else Path(made.disk_directory)
    try:
        works.parts.disks.clear(record.machine_id, directory)
        works.parts.network.clear(record.machine_id)
        _remove(directory)
        record.remove()
    except OSError as problem:
        raise PluginError(
            f"machine {record.machine_id} cannot be cleared away: {problem.filename}: {problem.strerror}: "
            "see what keeps it, and let the factory write there"
        ) from problem


def _remove(directory: Path) -> None:
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        if directory.exists():  # something in it was removed by another thread at the same time
            shutil.rmtree(directory, ignore_errors=True)
