"""``target-shares``: the machinegroup furthest below its share goes first, and within it the machinetype that is.

A group's score is what all its machinetypes run together over the sum of their shares, so that two machinetypes of a
quarter each stand even with another group of one half. (Vac 3 added up each machinetype's own score, which gives such
a group less than its due: see the policy ``vac3``.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from vac_core.builtin.policies.scores import Score, places, score
from vac_core.config.schema import MachineType
from vac_core.interfaces import Policy
from vac_core.situation import Rank, Situation, TypeTotals, Verdicts, Veto

_NOTHING: Final = TypeTotals()


@attrs.define
class _Group:
    share: float = 0.0
    running: float = 0.0


class TargetShares(Policy):
    """Ranks machinetypes by what the space runs of them, in benchmark power, against their target shares."""

    name = "target-shares"

    def judge(self, situation: Situation) -> Verdicts:
        """Rank the machinetypes that have a share; veto the others."""
        sharing = {name: one for name, one in situation.machinetypes.items() if one.target_share > 0}
        return Verdicts(
            vetoes=tuple(shareless(situation)),
            ranks=tuple(_ranks(sharing, situation.totals, _groups(situation))),
        )


def shareless(situation: Situation) -> Iterator[Veto]:
    """A veto for each machinetype without a share."""
    for name, machinetype in situation.machinetypes.items():
        if not machinetype.target_share > 0:
            yield Veto(machinetype=name, reason="its target_share is 0")


def _groups(situation: Situation) -> dict[str, _Group]:
    """Each machinegroup's share and what it runs, those of its machinetypes included whose share is now 0."""
    groups: dict[str, _Group] = {}
    for name, machinetype in sorted(situation.machinetypes.items()):
        group = groups.setdefault(machinetype.group, _Group())
        group.share += machinetype.target_share
        group.running += situation.totals.get(name, _NOTHING).running_hs06
    return groups


def _ranks(
    sharing: Mapping[str, MachineType], totals: Mapping[str, TypeTotals], groups: Mapping[str, _Group]
) -> Iterator[Rank]:
    scores: dict[str, Score] = {}
    for name, machinetype in sharing.items():
        group = groups[machinetype.group]
        running = totals.get(name, _NOTHING).running_hs06
        scores[name] = (score(group.running, group.share), score(running, machinetype.target_share))
    for name, place in places(scores).items():
        group = groups[sharing[name].group]
        reason = f"machinegroup {sharing[name].group} runs {group.running:g} HS06 for a share of {group.share:g}"
        yield Rank(machinetype=name, value=place, reason=reason)
