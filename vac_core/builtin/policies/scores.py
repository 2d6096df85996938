"""Scores by which machinetypes are put in order, and the order as ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

Score: TypeAlias = tuple[float, float]
"""The score of a machinetype's group, then its own; the lowest goes first."""


def score(running: float, share: float) -> float:
    """What runs for each unit of share; infinite where that is beyond numbers."""
    value = running / share if share > 0 else math.inf
    return math.inf if math.isnan(value) else value


def places(scores: Mapping[str, Score]) -> dict[str, float]:
    """Each machinetype's place in the order of the scores, from 0: always finite, and one for all that are even."""
    distinct = {value: float(place) for place, value in enumerate(sorted(set(scores.values())))}
    return {name: distinct[value] for name, value in scores.items()}
