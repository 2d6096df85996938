"""How a domain ended, as it has been seen, and what it had used until then."""

from __future__ import annotations

from typing import Final

import attrs

UNSEEN: Final = "nothing saw how it ended: the factory was down, or the host was started again"
UNFINISHED: Final = "its creation was not finished"


@attrs.frozen(kw_only=True)
class End:
    """The end of a machine's domain."""

    note: str
    cpu_seconds: float | None = None
