"""The policy ``lhcb``: after a fault that another machine would only meet again, a machinetype rests for longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from vac_core.config.schema import MachineType
from vac_core.interfaces import Policy
from vac_core.situation import Abort, Situation, Verdicts, Veto
from vac_lhcb.context import LhcbContextualiser
from vac_lhcb.options import machine_options


@attrs.frozen
class Fault:
    """A class of outcomes, by the hundreds of their codes."""

    what: str
    who_acts: str
    here_only: bool = False
    """Whether other factories of the space need not have it."""


FAULTS: Final = {
    4: Fault("the site is banned in DIRAC", "the VO's operations team lifts a ban"),
    5: Fault("the site's own fault", "the site mends it", here_only=True),
    6: Fault("a fault of the VO's services", "the VO's operations team mends it"),
}
"""What a pilot's outcome says of whose fault it was. No work (3) and a job's own fault (7) are left to ``backoff``."""


class LhcbPolicy(Policy):
    """Vetoes machinetypes of the contextualiser ``lhcb`` for their ``dirac_fault_seconds``."""

    name = "lhcb"

    def judge(self, situation: Situation) -> Verdicts:
        """Give a veto for each that rests."""
        return Verdicts(vetoes=tuple(_resting(situation)))


def _resting(situation: Situation) -> Iterator[Veto]:
    for name, machinetype in situation.machinetypes.items():
        totals = situation.totals.get(name)
        abort = totals.last_abort if totals is not None else None
        if abort is not None and machinetype.contextualiser == LhcbContextualiser.name:
            yield from _after(abort, machinetype, situation)


def _after(abort: Abort, machinetype: MachineType, situation: Situation) -> Iterator[Veto]:
    fault = FAULTS.get((abort.outcome.code or 0) // 100)
    if fault is None or (fault.here_only and abort.factory != situation.factory):
        return
    pause = machine_options(machinetype).dirac_fault_seconds
    # A clock that was set back must not turn a pause of minutes into one of hours.
    until = min(abort.time, situation.now) + pause
    if until > situation.now:
        reason = (
            f"a machine ended with '{abort.outcome}' on {abort.factory}, {fault.what}: {fault.who_acts}; "
            f"dirac_fault_seconds is {pause}"
        )
        yield Veto(machinetype=machinetype.name, reason=reason, until=until)
