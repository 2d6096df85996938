"""Ask the policies, and contain those that raise or answer nonsense."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from vac_core.interfaces import Policy
from vac_core.situation import Ask, Rank, Situation, Verdicts, Veto, Wish


@attrs.define
class Judgement:
    """All policies' answers to one situation. Ranks are kept by policy, in the order in which they weigh."""

    host_vetoes: list[Veto] = attrs.field(factory=list)
    vetoes: dict[str, list[Veto]] = attrs.field(factory=dict)
    ranks: dict[str, dict[str, Rank]] = attrs.field(factory=dict)
    asks: list[Ask] = attrs.field(factory=list)
    most_starts: dict[str, int] = attrs.field(factory=dict)
    most_processors: dict[str, int] = attrs.field(factory=dict)
    """By machinetype: the fewest that any policy leaves for its next machine."""
    ends: list[float] = attrs.field(factory=list)

    def ranks_of(self, machinetype: str) -> tuple[Rank, ...]:
        """What each policy that ranks it gave a machinetype."""
        return tuple(
            attrs.evolve(of_policy[machinetype], policy=policy)
            for policy, of_policy in self.ranks.items()
            if machinetype in of_policy
        )

    def key(self, machinetype: str) -> tuple[float, ...]:
        """What machinetypes are sorted by: a policy that gives one no rank has nothing against it, which is 0."""
        return tuple(
            of_policy[machinetype].value if machinetype in of_policy else 0.0 for of_policy in self.ranks.values()
        )

    def leave(self, machinetype: str, processors: int) -> None:
        """Let the next machine of a machinetype have no more processors than this."""
        self.most_processors[machinetype] = min(processors, self.most_processors.get(machinetype, processors))


def judge(situation: Situation, policies: Sequence[Policy], failures: dict[str, str]) -> Judgement:
    """Ask each policy that has not failed yet; those that fail now join ``failures``: name, and what was wrong."""
    judgement = Judgement()
    for policy in policies:
        if policy.name in failures:
            continue
        try:
            verdicts = policy.judge(situation)
            _add(verdicts, policy.name, situation, judgement)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a policy may be anybody's: whatever it raises is contained here
            failures[policy.name] = f"{type(error).__name__}: {error}"
    return judgement


def _add(verdicts: Verdicts, policy: str, situation: Situation, judgement: Judgement) -> None:
    """Take a policy's answer in once all of it has been found to make sense; raise if it does not."""
    ranks = _checked_ranks(verdicts)
    asks = _checked_asks(verdicts, policy, situation)
    vetoes = [_checked_veto(veto) for veto in verdicts.vetoes]
    if verdicts.most_starts is not None and (type(verdicts.most_starts) is not int or verdicts.most_starts < 0):
        raise ValueError(f"most_starts is {verdicts.most_starts!r}: it must be a whole number, 0 or more")
    if verdicts.end is not None and not math.isfinite(verdicts.end):
        raise ValueError(f"end is {verdicts.end}: it must be a time, or None")
    sizes = _checked_sizes(verdicts)
    for veto in vetoes:
        stamped = Veto(reason=veto.reason, machinetype=veto.machinetype, until=veto.until, policy=policy)
        if veto.machinetype is None:
            judgement.host_vetoes.append(stamped)
        else:
            judgement.vetoes.setdefault(veto.machinetype, []).append(stamped)
    if ranks:
        judgement.ranks[policy] = ranks
    if verdicts.end is not None:
        judgement.ends.append(verdicts.end)
    if verdicts.most_starts is not None:
        judgement.most_starts[policy] = verdicts.most_starts
    for name, most in sizes.items():
        judgement.leave(name, most)
    judgement.asks.extend(asks)


def _checked_sizes(verdicts: Verdicts) -> dict[str, int]:
    sizes = dict(verdicts.most_processors)
    for name, most in sizes.items():
        if type(most) is not int or most < 1:
            raise ValueError(f"most_processors of {name} is {most!r}: it must be a whole number, 1 or more, or a veto")
    return sizes


def _checked_ranks(verdicts: Verdicts) -> dict[str, Rank]:
    ranks: dict[str, Rank] = {}
    for rank in verdicts.ranks:
        if not 0.0 <= rank.value < math.inf:
            raise ValueError(f"rank {rank.value} of {rank.machinetype}: a rank must be a finite number, 0 or more")
        _check_texts(rank.reason, rank.machinetype)
        ranks[rank.machinetype] = rank
    return ranks


def _checked_veto(veto: Veto) -> Veto:
    if veto.until is not None and not math.isfinite(veto.until):
        raise ValueError(f"veto until {veto.until}: the time must be finite, or None")
    _check_texts(veto.reason, veto.machinetype)
    return veto


def _check_texts(reason: object, machinetype: object) -> None:
    if not isinstance(reason, str) or not reason:
        raise ValueError(f"a reason is {reason!r}: it must be a text that says why")
    if machinetype is not None and not isinstance(machinetype, str):
        raise ValueError(f"a machinetype is {machinetype!r}: it must be a name")


def _checked_asks(verdicts: Verdicts, policy: str, situation: Situation) -> list[Ask]:
    """Wishes for machines that are there; another may have ended a moment ago and is no error."""
    alive = {machine.id for machine in situation.machines} if verdicts.asks else set()
    for ask in verdicts.asks:
        _check_texts(ask.reason, ask.machine_id)
        if ask.part is not None and not 0.0 < ask.part <= 1.0:
            raise ValueError(f"part {ask.part} of the processors' time: it must be above 0 and up to 1, or None")
    return [attrs.evolve(ask, wish=Wish(ask.wish), policy=policy) for ask in verdicts.asks if ask.machine_id in alive]
