"""The decision: from a situation and the policies' verdicts to machines to start, and the reasons for all else.

One pass fills all free processors. After each machine it decides on, the plan counts that machine as if it ran and
asks the policies again, so that shares are met and gates close within one pass as they would over many.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Iterator, Sequence

import attrs

from vac_core.decide.room import Place, Placing, size_vetoes
from vac_core.decide.scarce import scarcity
from vac_core.decide.standings import PLAN, standings
from vac_core.decide.superslots import reserving
from vac_core.decide.vac3_slots import filling
from vac_core.decide.values import Plan, Start
from vac_core.decide.verdicts import Judgement, judge
from vac_core.interfaces import Policy
from vac_core.model import Machine
from vac_core.situation import Situation, TypeTotals, Veto

_RULES = {"reserve": reserving, "vac3": filling}


def plan(situation: Situation, policies: Sequence[Policy], random: random_module.Random) -> Plan:
    """Decide what to start now and say why not the rest.

    Policies are asked in the order given, and the first one's ranks weigh most. ``random`` settles ties only: the same
    situation, policies and seed give the same plan. A policy that raises or answers nonsense is left out from then on
    and named in `Plan.failures`.
    """
    failures: dict[str, str] = {}
    too_large = tuple(size_vetoes(situation))
    judgement = _judge(situation, policies, failures, too_large)
    working, end, starts = situation, min(judgement.ends, default=None), list[Start]()
    if end is not None:
        working = attrs.evolve(situation, shutdown_time=min(end, situation.shutdown_time or end))
        judgement = _judge(working, policies, failures, too_large)
    asks = tuple(judgement.asks)
    while True:
        order = _order(working, judgement, random)
        limits = _limits(working, judgement, len(starts))
        halted = limits or judgement.host_vetoes
        placing = Placing(None, {}) if halted else _placed(working, order, judgement)
        if placing.place is None:
            return Plan(
                now=situation.now,
                starts=tuple(starts),
                asks=asks,
                standings=standings(working, judgement, order, limits, placing.obstacles),
                host_vetoes=(*judgement.host_vetoes, *limits),
                end=end,
                failures=failures,
            )
        starts.append(_start(placing.place, judgement))
        working = _counted(working, starts[-1], len(starts))
        judgement = _judge(working, policies, failures, too_large)


def _placed(situation: Situation, order: Sequence[str], judgement: Judgement) -> Placing:
    return _RULES[situation.settings.superslot_rule](situation, order, judgement.most_processors)


def _judge(
    situation: Situation, policies: Sequence[Policy], failures: dict[str, str], too_large: Sequence[Veto]
) -> Judgement:
    judgement = judge(situation, policies, failures)
    scarce = scarcity(situation)
    for name, most in scarce.sizes.items():
        judgement.leave(name, most)
    for veto in (*too_large, *_too_small(situation, judgement), *scarce.vetoes):
        judgement.vetoes.setdefault(str(veto.machinetype), []).append(attrs.evolve(veto, policy=PLAN))
    return judgement


def _too_small(situation: Situation, judgement: Judgement) -> Iterator[Veto]:
    """Machinetypes that need more processors than a policy leaves for their next machine."""
    for name, most in judgement.most_processors.items():
        machinetype = situation.machinetypes.get(name)
        if machinetype is not None and most < machinetype.min_processors and name not in judgement.vetoes:
            reason = f"needs {machinetype.min_processors} processors and its next machine may have {most}"
            yield Veto(machinetype=name, reason=reason)


def _order(situation: Situation, judgement: Judgement, random: random_module.Random) -> list[str]:
    """Machinetypes that nothing vetoes, the next to start first; of equals the one that is harder to place.

    When a host has emptied for a large machinetype all scores are equal again: chance must not give it to small ones.
    """
    reserves = situation.settings.superslot_rule == "reserve"
    eligible = sorted(
        name for name in situation.machinetypes if name not in judgement.vetoes and name not in situation.disabled
    )
    sizes = {name: situation.machinetypes[name].min_processors if reserves else 0 for name in eligible}
    keys = {name: (*judgement.key(name), -sizes[name], random.random()) for name in eligible}
    return sorted(eligible, key=keys.__getitem__)


def _limits(situation: Situation, judgement: Judgement, started: int) -> list[Veto]:
    """Limits on the number of starts that have been reached."""
    limits = [
        Veto(policy=policy, reason=f"at most {most} may be started in one pass")
        for policy, most in judgement.most_starts.items()
        if started >= most
    ]
    most_starting = situation.settings.max_starting or situation.capacity.processors
    if situation.starting >= most_starting:
        limits.append(
            Veto(policy=PLAN, reason=f"{situation.starting} machines are starting: max_starting allows {most_starting}")
        )
    return limits


def _start(place: Place, judgement: Judgement) -> Start:
    why = [rank.reason for rank in judgement.ranks_of(place.machinetype)]
    return Start(
        machinetype=place.machinetype,
        processors=place.processors,
        shutdown_time=place.shutdown_time,
        reason="; ".join([*why, place.how]),
    )


def _counted(situation: Situation, start: Start, number: int) -> Situation:
    """The situation with one more machine, as if it had been made already."""
    settings = situation.settings
    machinetype = situation.machinetypes[start.machinetype]
    machine = Machine(
        id=f"planned-{number}",
        name="",
        slot=-number,
        machinetype=start.machinetype,
        machine_model=machinetype.machine_model,
        hypervisor="",
        processors=start.processors,
        hs06_per_processor=settings.hs06_per_processor or 1.0,
        memory_bytes=start.processors * machinetype.bytes_per_processor(settings),
        created=situation.now,
        shutdown_time=start.shutdown_time,
        fqan=machinetype.accounting_fqan,
    )
    before = situation.totals.get(start.machinetype, TypeTotals())
    after = attrs.evolve(
        before,
        running_hs06=before.running_hs06 + machine.hs06,
        running_machines=before.running_machines + 1,
        num_before_fizzle=before.num_before_fizzle + 1,
    )
    return attrs.evolve(
        situation, machines=(*situation.machines, machine), totals={**situation.totals, start.machinetype: after}
    )
