"""Reading the journal beside a running daemon: what happened to which machine, and how each ended."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from vac_core.factory.journal import JournalError
from vac_core.factory.records import machine_as_json, machine_from_text

_QUERY = """
SELECT seq, time, kind, what, reason, machine FROM events
WHERE (:machine IS NULL OR machine_id = :machine OR json_extract(machine, '$.name') = :machine)
  AND (:machinetype IS NULL OR json_extract(machine, '$.machinetype') = :machinetype)
  AND (:since IS NULL OR time >= :since)
ORDER BY seq DESC LIMIT :limit
"""


def read(
    path: Path,
    *,
    machine: str | None = None,
    machinetype: str | None = None,
    since: float | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """The latest ``limit`` events, oldest first, as JSON-ready mappings.

    ``machine`` is an id or a slot's host name; ``since`` is in Unix seconds. Raises `JournalError` when there is no
    journal that can be read.
    """
    wanted = {"machine": machine, "machinetype": machinetype, "since": since, "limit": limit}
    if not path.exists():
        raise JournalError(f"there is no journal at {path}: name the factory's state directory with --state-dir")
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            rows = db.execute(_QUERY, wanted).fetchall()
        finally:
            db.close()
    except sqlite3.Error as error:
        raise JournalError(f"journal {path}: {error}: is it readable for you?") from error
    return [_shown(*row) for row in reversed(rows)]


def _shown(seq: int, time: float, kind: str, what: str, reason: str, machine: str | None) -> dict[str, Any]:
    shown = None if machine is None else machine_as_json(machine_from_text(machine))
    return {"seq": seq, "time": time, "kind": kind, "what": what, "reason": reason, "machine": shown}
