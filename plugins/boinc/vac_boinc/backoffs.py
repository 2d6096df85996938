"""How long a machinetype rests after its machines found no work, or failed: BOINC's back-offs with their jitter. Pure.

The figures are those of the client: 600 s, doubled up to a day, times 0.5 to 1.5, for a project that has no work
(client/work_fetch.cpp); 60 s times two to the number of failures, at most 4 h, times 0.5 to 1, for one that cannot be
used (calculate_exponential_backoff in client/client_state.cpp).
"""

from __future__ import annotations

import enum
import random
from typing import Final

import attrs

from vac_core.model import Outcome

NO_WORK_FIRST: Final = 600.0
NO_WORK_MOST: Final = 86400.0
FAILURE_UNIT: Final = 60.0
FAILURE_MOST: Final = 14400.0
MOST_FAILURES: Final = 10
EXIT_NO_SUB_TASKS: Final = 207
"""BOINC's exit code of a guest that found nothing to do: the client does not rest then, and users have asked for it."""
_FAILURE_EXITS: Final = frozenset({206, 208})


class End(enum.StrEnum):
    """What a machine's end says of its machinetype."""

    SUCCESS = "success"
    NO_WORK = "no work"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    """It was stopped by us, or says nothing."""


def end_of(outcome: Outcome | None, lasted: float, fizzle_seconds: float) -> End:
    """Read an outcome: its code by the hundreds digit, and BOINC's own exit codes from 200 on where they stand."""
    if outcome is None or outcome.code is None:
        return End.FAILURE if lasted < fizzle_seconds else End.SUCCESS
    code = outcome.code
    if code == EXIT_NO_SUB_TASKS:
        return End.NO_WORK
    if code in _FAILURE_EXITS:
        return End.FAILURE
    by_hundreds = {1: End.NEUTRAL, 2: End.SUCCESS, 3: End.NO_WORK}
    return by_hundreds.get(code // 100, End.FAILURE)


@attrs.frozen(kw_only=True)
class Rest:
    """How a machinetype stands: until when it rests, and what it has met in a row."""

    until: float = 0.0
    no_work_interval: float = 0.0
    failures: int = 0
    why: str = ""


def postponed(before: Rest, seconds: float, now: float) -> Rest:
    """How it stands after a machine that asked to be tried again so much later, as by BOINC's temporary exit."""
    return attrs.evolve(before, until=max(before.until, now + seconds), why="it asked to be tried again later")


def after(before: Rest, end: End, now: float, chance: random.Random) -> Rest:
    """How it stands after one more of its machines has ended; ends during a rest prolong nothing."""
    if end is End.SUCCESS:
        return Rest()
    if end is End.NEUTRAL or now < before.until:
        return before
    if end is End.NO_WORK:
        interval = min(max(NO_WORK_FIRST, 2 * before.no_work_interval), NO_WORK_MOST)
        wait = interval * chance.uniform(0.5, 1.5)
        return Rest(until=now + wait, no_work_interval=interval, failures=before.failures, why="it found no work")
    failures = min(before.failures + 1, MOST_FAILURES)
    wait = min(FAILURE_UNIT * 2**failures, FAILURE_MOST) * chance.uniform(0.5, 1.0)
    why = f"it failed, {failures} times in a row" if failures > 1 else "it failed"
    return Rest(until=now + wait, no_work_interval=before.no_work_interval, failures=failures, why=why)
