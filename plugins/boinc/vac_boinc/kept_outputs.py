"""Copying what a virtual machine's application leaves in its shared directory to where no guest writes."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from vac_core.guest_files import open_plain

_log = logging.getLogger(__name__)

_READABLE: Final = 0o644
_PIECE: Final = 1 << 20


def keep_outputs(machine_id: str, shared: Path, joboutputs: Path, names: Iterable[str], most_octets: int) -> None:
    """Copy plain files of these names, as long as there is room for them; what is not kept is told in the log."""
    left = most_octets
    for name in names:
        source = open_plain(shared, name)
        if source is None:
            continue
        with source:
            size = os.fstat(source.fileno()).st_size
            if size > left:
                what = "more than joboutputs_max_mb leaves room for"
                _log.warning("machine %s: its output %s has %d octets, %s: not kept", machine_id, name, size, what)
                continue
            try:
                _copy(source, size, joboutputs / name)
            except OSError as error:
                _log.warning("machine %s: its output %s is not kept: %s", machine_id, name, error.strerror)
            left -= size


def _copy(source: BinaryIO, size: int, target: Path) -> None:
    """Write a file of its own, whole and then in its place; it may have grown meanwhile."""
    descriptor, path = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    being_written = Path(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _READABLE)
            while size > 0 and (piece := source.read(min(size, _PIECE))):
                file.write(piece)
                size -= len(piece)
        being_written.replace(target)
    except BaseException:
        being_written.unlink(missing_ok=True)
        raise
