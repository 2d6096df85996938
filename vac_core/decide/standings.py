"""Where each machinetype stands once a pass is over, with the chain of reasons that ``vac why`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from vac_core.decide.room import Obstacle
from vac_core.decide.values import Reason, Standing, StandingState
from vac_core.decide.verdicts import Judgement
from vac_core.situation import Situation, Veto

PLAN: Final = "plan"
"""Whose word a reason is that comes from no policy but from the plan itself."""

SITE: Final = "site"
"""Whose word it is that a machinetype is disabled."""


def standings(
    situation: Situation,
    judgement: Judgement,
    order: Sequence[str],
    limits: Sequence[Veto],
    obstacles: Mapping[str, Obstacle],
) -> tuple[Standing, ...]:
    """Every machinetype: first those in the order in which they would start, then the vetoed, then the disabled."""
    halted = tuple(Reason.of(veto) for veto in (*judgement.host_vetoes, *limits))
    in_order = [
        Standing(
            machinetype=name,
            state=StandingState.NEXT if place == 1 and not judgement.host_vetoes else StandingState.WAITS,
            place=place,
            reasons=halted + _room(obstacles.get(name)),
            ranks=judgement.ranks_of(name),
        )
        for place, name in enumerate(order, 1)
    ]
    return (*in_order, *_vetoed(situation, judgement), *_disabled(situation))


def _room(obstacle: Obstacle | None) -> tuple[Reason, ...]:
    return () if obstacle is None else (Reason(policy=PLAN, text=obstacle.text, until=obstacle.until),)


def _vetoed(situation: Situation, judgement: Judgement) -> Iterator[Standing]:
    for name in sorted(situation.machinetypes):
        if name in judgement.vetoes and name not in situation.disabled:
            yield Standing(
                machinetype=name,
                state=StandingState.VETOED,
                reasons=tuple(Reason.of(veto) for veto in judgement.vetoes[name]),
                ranks=judgement.ranks_of(name),
            )


def _disabled(situation: Situation) -> Iterator[Standing]:
    for name, why in sorted(situation.disabled.items()):
        yield Standing(machinetype=name, state=StandingState.DISABLED, reasons=(Reason(policy=SITE, text=why),))
