"""Whether an image may be used for a new machine, and whether its server must be asked: a pure decision."""

from __future__ import annotations

import attrs

from vac_core.images.records import Source
from vac_core.images.rules import RETRY_SECONDS, Rules


@attrs.frozen(kw_only=True)
class Standing:
    """How an image stands."""

    usable: bool
    due: bool
    """Whether its server ought to be asked now."""
    problem: str = ""
    """Why it is not usable, where something is wrong."""


def standing(source: Source | None, *, here: bool, now: float, rules: Rules) -> Standing:
    """Judge a URL by what is kept of it; ``here`` says whether its image's file is in the cache.

    An image whose currency was not confirmed for longer than the site allows is not used, nor one that is known to be
    old (HSF-TN-2016-04, section 5). A clock that was set back makes nothing older or younger than it is: then the
    server is asked.
    """
    if source is None:
        return Standing(usable=False, due=True)
    whole = here and source.sha256 is not None
    if whole and source.pinned:
        return Standing(usable=True, due=False)
    age = _age(source.checked, now)
    rested = not source.problem or not is_recent(source.tried, now)
    usable = whole and not source.outdated and age <= rules.stale_seconds
    due = rested and (not usable or age >= rules.check_seconds)
    problem = "" if usable else _problem(source, whole=whole, rules=rules)
    return Standing(usable=usable, due=due, problem=problem)


def is_recent(failed: float | None, now: float) -> bool:
    """Whether a failure is so recent that it is not tried again."""
    return _age(failed, now) < RETRY_SECONDS


def _age(then: float | None, now: float) -> float:
    return float("inf") if then is None or then > now else now - then


def _problem(source: Source, *, whole: bool, rules: Rules) -> str:
    if not source.problem:
        return ""
    if whole and source.outdated:
        return f"the server has a newer image than the one here, but {source.problem}"
    if whole:
        limit = f"{rules.stale_seconds:g} s (image_max_stale_seconds)"
        return f"the image here could not be confirmed as the current one for more than {limit}: {source.problem}"
    return source.problem
