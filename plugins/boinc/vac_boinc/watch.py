"""Watching a virtual machine's application as its wrapper would: what is seen at a look, and what it comes to. Pure.

Time is the machine's own: it stands still while the machine is held.
"""

from __future__ import annotations

import attrs

from vac_boinc.inside.contract import COMPLETED, Pulse, Trigger, fraction_done, later, outcome_of, progress, trigger
from vac_boinc.terms import Terms


@attrs.frozen(kw_only=True)
class Seen:
    """What the shared directory holds at one look: None for what is not there."""

    completion: bytes | None = None
    temporary_exit: bytes | None = None
    fraction: bytes | None = None
    heartbeat: float | None = None
    """When the file last changed, in Unix seconds."""


@attrs.frozen(kw_only=True)
class Watch:
    """What is known of a machine that is watched."""

    at: float
    """When it was last looked at, by a clock that never jumps."""
    held: bool = False
    elapsed: float = 0.0
    """Seconds that it has lived, without those in which it was held."""
    pulse: Pulse
    kept_at: float = float("-inf")
    """When this was last written down."""
    told: str = ""
    """How far it was said to be."""

    @classmethod
    def begun(cls, terms: Terms, now: float, elapsed: float = 0.0) -> Watch:
        """At the first look of this factory's process: strikes of an earlier one are forgotten."""
        return cls(at=now, elapsed=elapsed, pulse=Pulse(terms.interval, checked=elapsed))

    def turned(self, now: float, *, held: bool) -> Watch:
        """At the next look. A machine counts as held between two looks when it was at either."""
        lived = 0.0 if held or self.held else max(0.0, now - self.at)
        return attrs.evolve(self, at=now, held=held, elapsed=self.elapsed + lived)

    def looked(self, terms: Terms, seen: Seen) -> Watch:
        """After a look at its heartbeat, for which a held machine has no time."""
        if not terms.heartbeat or self.held:
            return self
        return attrs.evolve(self, pulse=self.pulse.looked(self.elapsed, seen.heartbeat))


def outcome(terms: Terms, watch: Watch, seen: Seen, *, ended: bool, asked_to_end: bool) -> str:
    """The shutdown message that it has come to; empty while it goes on.

    A machine that its factory ``asked_to_end`` does nothing wrong by ending; what it says itself counts all the same.
    """
    if (done := _said(seen.completion, ended)) is not None:
        return outcome_of(done.number, done.message)
    if (postponed := _said(seen.temporary_exit, ended)) is not None:
        return later(postponed)
    if asked_to_end:
        return ""
    if 0 < terms.duration <= watch.elapsed:
        return COMPLETED
    if ended:
        return "700 It ended before it had said that it was done"
    return f"700 The application is lost: {watch.pulse.lost}" if watch.pulse.lost else ""


def _said(raw: bytes | None, ended: bool) -> Trigger | None:
    """What a trigger file says; what is half written counts once nobody will write on."""
    if raw is None:
        return None
    return trigger(raw) or (trigger(raw + b"\n") if ended else None)


def how_far(terms: Terms, watch: Watch, seen: Seen) -> str:
    """The part that is done, from 0 to 1, as a line."""
    return f"{progress(fraction_done(seen.fraction or b''), watch.elapsed, terms.duration):.4f}\n"
