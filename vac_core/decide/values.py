"""What a decision is made of: machines to start, wishes for running ones, and where each machinetype stands and why."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import attrs

from vac_core.situation import Ask, Rank, Veto


@attrs.frozen(kw_only=True)
class Start:
    """One machine to start now. ``shutdown_time`` is when it must have ended, in Unix seconds."""

    machinetype: str
    processors: int
    shutdown_time: float
    reason: str


class StandingState(enum.StrEnum):
    """Where a machinetype stands after a pass."""

    NEXT = "next"
    """The first to be started when there is room."""
    WAITS = "waits"
    VETOED = "vetoed"
    DISABLED = "disabled"


@attrs.frozen(kw_only=True)
class Reason:
    """Why a machinetype was not started: whose word it is, what it says, and when it ends if that can be foretold."""

    policy: str
    text: str
    until: float | None = None

    @classmethod
    def of(cls, veto: Veto) -> Reason:
        """A veto as a reason."""
        return cls(policy=veto.policy, text=veto.reason, until=veto.until)

    def as_json(self) -> dict[str, Any]:
        """As ``vac why --json`` shows it."""
        return {"policy": self.policy, "reason": self.text, "until": self.until}


@attrs.frozen(kw_only=True)
class Standing:
    """One machinetype after a pass: its place in the order, its state, and the chain of reasons."""

    machinetype: str
    state: StandingState
    place: int | None = None
    """1 for the first of those that no veto holds back; None for the others."""
    reasons: tuple[Reason, ...] = ()
    ranks: tuple[Rank, ...] = ()
    """In the order in which they weigh."""

    def as_json(self) -> dict[str, Any]:
        """As ``vac why --json`` shows it."""
        return {
            "machinetype": self.machinetype,
            "place": self.place,
            "state": self.state.value,
            "reasons": [reason.as_json() for reason in self.reasons],
            "ranks": [{"policy": rank.policy, "value": rank.value, "reason": rank.reason} for rank in self.ranks],
        }


@attrs.frozen(kw_only=True)
class Plan:
    """A whole decision: what to do, and why nothing else."""

    now: float
    starts: tuple[Start, ...] = ()
    """In the order in which they were decided on."""
    asks: tuple[Ask, ...] = ()
    """Policies' wishes for machines that run."""
    standings: tuple[Standing, ...] = ()
    """Every machinetype as it stands once the starts are counted: first those in order, then the others by name."""
    host_vetoes: tuple[Veto, ...] = ()
    """Why nothing more is started at all, whatever the machinetype."""
    end: float | None = None
    """When all machines must have ended, by the word of a policy."""
    failures: Mapping[str, str] = attrs.field(factory=dict)
    """Policies that raised or answered nonsense, by name, with what was wrong; they were left out of this pass."""

    def standing(self, machinetype: str) -> Standing | None:
        """Where one machinetype stands; None if there is none of that name."""
        return next((one for one in self.standings if one.machinetype == machinetype), None)

    def as_json(self) -> dict[str, Any]:
        """As ``vac why --json`` shows it."""
        return {
            "now": self.now,
            "host": [Reason.of(veto).as_json() for veto in self.host_vetoes],
            "machinetypes": [standing.as_json() for standing in self.standings],
            "end": self.end,
            "starts": [attrs.asdict(start) for start in self.starts],
            "failures": dict(self.failures),
        }
