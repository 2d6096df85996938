"""``recent-credit``: who has had least of this host lately, for its resource share, goes first.

The books are kept by an observer, which is told how machines end, and read by a policy, which ranks by them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from vac_boinc import ledger
from vac_boinc.backoffs import Rest, after, end_of, postponed
from vac_boinc.credit import DAY, Credit, averages, priorities, work_of
from vac_boinc.ledger import Ledger
from vac_boinc.machine_options import machine_options
from vac_boinc.options import BoincPlugin, plugin_options
from vac_core.config.schema import MachineType
from vac_core.interfaces import Home, Observer, Policy
from vac_core.model import Event, Happening, Machine, MachineState
from vac_core.situation import Rank, Situation, Verdicts, Veto

NAME: Final = "recent-credit"
FILE: Final = "credit.json"
_HOURS: Final = 24.0
"""BOINC reckons what it has just chosen as if it had run for an hour: rec_sum / 24 for a whole host."""


class CreditBooks(Observer):
    """Keeps what each machinetype has had, and how it fared."""

    name = NAME

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()
        self._path: Path | None = None
        self._home: Home | None = None
        self.ledger = Ledger()

    @property
    def options(self) -> BoincPlugin:
        """The [plugin boinc] section as it is now."""
        return plugin_options(None if self._home is None else self._home.options())

    @property
    def half_life(self) -> float:
        """How long it takes until work counts half, in seconds."""
        return self.options.rec_half_life_days * DAY

    def start(self, home: Home) -> None:
        """Read what was remembered."""
        self._home, self._path = home, home.state_dir / FILE
        self.ledger = ledger.load(self._path)

    def observe(self, event: Event) -> None:
        """Reckon in a machine that has ended; raises `OSError` where that cannot be written down."""
        if event.seq <= self.ledger.seq:
            return
        after_it = attrs.evolve(self.ledger, seq=event.seq)
        if event.machine is not None and event.what in {Happening.GONE, Happening.CREATION_FAILED}:
            after_it = self._with(after_it, event.machine, event.time)
            if self._path is not None:
                after_it.save(self._path)
        self.ledger = after_it

    def _with(self, before: Ledger, machine: Machine, now: float) -> Ledger:
        name, half_life = machine.machinetype, self.half_life
        credit = before.credit.get(name, Credit()).plus(work_of(machine, now, half_life), now, half_life)
        lasted = now - (machine.created if machine.started is None else machine.started)
        rested = before.rests.get(name, Rest())
        if machine.outcome is not None and machine.outcome.retry_after:
            rest = postponed(rested, machine.outcome.retry_after, now)
        else:
            end = end_of(machine.outcome, lasted, self.options.fizzle_seconds)
            rest = after(rested, end, now, self._chance)
        return attrs.evolve(before, credit={**before.credit, name: credit}, rests={**before.rests, name: rest})


class RecentCredit(Policy):
    """Ranks by the books, and vetoes machinetypes that rest."""

    name = NAME

    def __init__(self, books: CreditBooks) -> None:
        self._books = books

    def judge(self, situation: Situation) -> Verdicts:
        """Rank by recent credit; veto what rests."""
        books = self._books.ledger
        return Verdicts(
            vetoes=tuple(_resting(books.rests, situation)),
            ranks=tuple(_ranks(books.credit, self._books.half_life, situation)),
        )


def share_of(machinetype: MachineType) -> float:
    """Its resource share, which is its target share where the site sets none."""
    own = machine_options(machinetype).resource_share
    return machinetype.target_share if own is None else own


def _resting(rests: Mapping[str, Rest], situation: Situation) -> Iterator[Veto]:
    for name in situation.machinetypes:
        rest = rests.get(name, Rest())
        if rest.until > situation.now:
            yield Veto(machinetype=name, reason=f"{rest.why}: it rests as BOINC's projects do", until=rest.until)


def _ranks(kept: Mapping[str, Credit], half_life: float, situation: Situation) -> Iterator[Rank]:
    shares = {name: share_of(one) for name, one in situation.machinetypes.items()}
    credit = averages(kept, situation.machines, shares, situation.now, half_life)
    priority = priorities(_with_planned(credit, situation), shares)
    places = {value: float(place) for place, value in enumerate(sorted(set(priority.values()), reverse=True))}
    whole = sum(credit.values())
    for name, value in priority.items():
        part = 100 * credit[name] / whole if whole else 0.0
        reason = f"it has had {part:.0f} % of the recent credit for a resource share of {shares[name]:g}"
        yield Rank(machinetype=name, value=places[value], reason=reason)


def _with_planned(credit: Mapping[str, float], situation: Situation) -> dict[str, float]:
    """Credit with what has just been planned reckoned in, so that one pass does not give all to one."""
    each = (sum(credit.values()) or 1.0) / _HOURS / max(1, situation.capacity.processors)
    found = dict(credit)
    for machine in situation.machines:
        if machine.machinetype in found and machine.state is MachineState.PLANNED:
            found[machine.machinetype] += each * machine.processors
    return found
