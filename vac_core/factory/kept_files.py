"""The site files as they last were good, kept beside the journal for a daemon that starts while they are broken."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from vac_core.atomic import write_atomically
from vac_core.config.sections import Written
from vac_core.config.sources import decoded

_log = logging.getLogger(__name__)
_PRIVATE = 0o600


@attrs.frozen
class KeptFiles:
    """One file with the contents of all site files; they may hold secrets, so it is the daemon's alone."""

    path: Path

    def keep(self, sources: Sequence[Path], contents: Mapping[str, bytes]) -> None:
        """Replace what was kept; where that cannot be, the factory works on, and what was kept stays."""
        held = {name: base64.b64encode(content).decode("ascii") for name, content in contents.items()}
        document = {"sources": [str(one) for one in sources], "files": held}
        try:
            write_atomically(self.path, json.dumps(document).encode(), mode=_PRIVATE)
        except OSError as error:
            _log.warning("the site files cannot be kept in %s: %s", self.path, error.strerror)

    def files(self, sources: Sequence[Path]) -> dict[str, Written]:
        """What was kept of these sources, by the names of the files; empty where there is nothing that can be used."""
        try:
            document = json.loads(self.path.read_bytes())
            if document["sources"] != [str(one) for one in sources]:
                return {}
            held = {str(name): base64.b64decode(content) for name, content in document["files"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}
        return {name: decoded(content, name) for name, content in held.items()}
