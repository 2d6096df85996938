"""Whether an image that is here may be used as it is, or must be asked for at its registry first."""

from __future__ import annotations

import enum
from typing import Final

from vac_docker.image_book import Held
from vac_docker.source import Archive, Source

ASKED_JUST_NOW_SECONDS: Final = 10.0
"""With ``always``, machines that are made at one time share one question to the registry."""
DAY_SECONDS: Final = 86400.0
_EARLY: Final = 0.75
"""From this part of the day on it is asked again in the background, so that no machine need wait for the answer."""


class Freshness(enum.Enum):
    """What may be done with an image."""

    FRESH = "use it"
    DUE = "use it, and ask for it again meanwhile"
    STALE = "ask for it first"


def freshness(source: Source, rule: str, held: Held | None, now: float, *, creating: bool = False) -> Freshness:
    """Judge what is held by the rule of ``image_pull``; ``creating`` when a machine is to be made of it this moment."""
    if held is None:
        return Freshness.STALE
    if isinstance(source, Archive):
        # The cache of images knows which content a URL has now; its answer is quick where that is loaded already.
        return Freshness.STALE if source.remote and creating else Freshness.FRESH
    if not source.remote or source.name.digest or rule == "missing":
        return Freshness.FRESH
    age = abs(now - held.checked)  # a clock that was set back must not make it good for ever
    if rule == "always":
        return Freshness.STALE if creating and age > ASKED_JUST_NOW_SECONDS else Freshness.FRESH
    if age > DAY_SECONDS:
        return Freshness.STALE
    return Freshness.DUE if age > _EARLY * DAY_SECONDS else Freshness.FRESH
