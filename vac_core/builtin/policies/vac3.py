"""``vac3``: the rule of Vac 3 as it was, for comparison. Used alone, and with ``superslot_rule = vac3``.

It differs from ours in what it lacks: one machine is started in a minute, a group's score is the sum of its
machinetypes' scores, and neither disk nor memory is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from vac_core.builtin.policies.backoff import resting
from vac_core.builtin.policies.host_limits import closing, overload, time_left
from vac_core.builtin.policies.scores import Score, places, score
from vac_core.builtin.policies.target_shares import shareless
from vac_core.interfaces import Policy
from vac_core.situation import Rank, Situation, TypeTotals, Verdicts, Veto

CYCLE_SECONDS: Final = 60.0
"""Vac 3 slept so long between two cycles, and started one machine in each."""

_NOTHING: Final = TypeTotals()


class Vac3(Policy):
    """Vac 3's eligibility, scores and host limits in one, as its published source has them."""

    name = "vac3"

    def judge(self, situation: Situation) -> Verdicts:
        """Veto and rank as Vac 3 did, and allow one start."""
        host = (*overload(situation), *closing(situation), *_same_cycle(situation))
        types = (*shareless(situation), *time_left(situation), *resting(situation, heed_retry=False))
        return Verdicts(vetoes=(*host, *types), ranks=tuple(_ranks(situation)), most_starts=1)


def _same_cycle(situation: Situation) -> Iterator[Veto]:
    """No second start within a cycle; this pass's own, and those of a clock that was set back, do not count."""
    created = [one.created for one in situation.machines if one.created < situation.now]
    until = max(created, default=-math.inf) + CYCLE_SECONDS
    if until > situation.now:
        yield Veto(reason="one machine is started in a minute", until=until)


def _ranks(situation: Situation) -> Iterator[Rank]:
    own: dict[str, float] = {}
    groups: dict[str, list[float]] = {}
    for name, machinetype in situation.machinetypes.items():
        if machinetype.target_share > 0:
            own[name] = score(situation.totals.get(name, _NOTHING).running_hs06, machinetype.target_share)
            groups.setdefault(machinetype.group, []).append(own[name])
    sums = {group: _total(values) for group, values in groups.items()}
    scores: dict[str, Score] = {name: (sums[situation.machinetypes[name].group], own[name]) for name in own}
    for name, place in places(scores).items():
        reason = f"machinegroup {situation.machinetypes[name].group} scores {scores[name][0]:g}, itself {own[name]:g}"
        yield Rank(machinetype=name, value=place, reason=reason)


def _total(values: list[float]) -> float:
    """The sum, whatever the order in which the values come."""
    return sum(sorted(values))
