"""``backoff``: a machinetype that found no work rests for a while, everywhere in the space."""

from __future__ import annotations

from collections.abc import Iterator

from vac_core.config.schema import MachineType
from vac_core.interfaces import Policy
from vac_core.situation import Situation, TypeTotals, Verdicts, Veto


class Backoff(Policy):
    """Vac 3's backoff and its fizzle gate.

    After an abort no machine of that machinetype is started for ``backoff_seconds``, or for longer where the machine
    asked for that with ``(retry after N s)``, as BOINC's applications do by a temporary exit. After that one is
    started, and while any in the space has yet to outlive ``fizzle_seconds``, no other is until the abort is that much
    older too: one machine finds out whether there is work, not hundreds.
    """

    name = "backoff"

    def judge(self, situation: Situation) -> Verdicts:
        """Veto the machinetypes that rest."""
        return Verdicts(vetoes=tuple(resting(situation)))


def resting(situation: Situation, *, heed_retry: bool = True) -> Iterator[Veto]:
    """A veto for each machinetype whose last abort is too recent; Vac 3 heeded no ``(retry after N s)``."""
    for name, machinetype in situation.machinetypes.items():
        totals = situation.totals.get(name)
        if totals is not None and totals.last_abort is not None:
            yield from _resting(machinetype, totals, situation.now, heed_retry)


def _resting(machinetype: MachineType, totals: TypeTotals, now: float, heed_retry: bool) -> Iterator[Veto]:
    abort = totals.last_abort
    if abort is None:
        return
    unproven = totals.num_before_fizzle
    asked = abort.outcome.retry_after if heed_retry else 0
    pause = max(machinetype.backoff_seconds, asked) + (machinetype.fizzle_seconds if unproven > 0 else 0)
    # A clock that was set back must not turn a pause of seconds into one of hours.
    until = min(abort.time, now) + pause
    if until <= now:
        return
    reason = f"a machine ended with '{abort.outcome}' on {abort.factory}: backoff_seconds {machinetype.backoff_seconds}"
    if unproven > 0:
        reason += (
            f" and fizzle_seconds {machinetype.fizzle_seconds}, as {unproven} started since have yet to prove work"
        )
    yield Veto(machinetype=machinetype.name, reason=reason, until=until)
