"""What recent-credit remembers over restarts: each machinetype's credit and rest, in one small file."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from vac_boinc.backoffs import Rest
from vac_boinc.credit import Credit
from vac_core.atomic import write_atomically

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Ledger:
    """A value: whoever reads it while another is put in its place sees one of the two, whole."""

    seq: int = 0
    """Of the latest event that is reckoned in: events are told at least once, and count once."""
    credit: Mapping[str, Credit] = attrs.field(factory=dict)
    rests: Mapping[str, Rest] = attrs.field(factory=dict)

    def save(self, path: Path) -> None:
        """Write it down, whole or not at all; raises `OSError`."""
        write_atomically(path, json.dumps(attrs.asdict(self)).encode("ascii"), mode=0o600)


def load(path: Path) -> Ledger:
    """What was written; an empty one where there is nothing, or nothing that can be read."""
    try:
        return _ledger(json.loads(path.read_text("ascii")))
    except FileNotFoundError:
        return Ledger()
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        _log.error("%s cannot be read (%s): shares begin anew", path, error)
        return Ledger()


def _ledger(document: Mapping[str, Any]) -> Ledger:
    return Ledger(
        seq=int(document["seq"]),
        credit={str(name): Credit(**one) for name, one in document["credit"].items()},
        rests={str(name): Rest(**one) for name, one in document["rests"].items()},
    )
