"""Whether the owner wants the host now, and for how long that is held to: pure, in BOINC's order and with its waits.

The order is that of the client's check_suspend_processing (client/cs_prefs.cpp).
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import attrs

from vac_boinc.preferences import Preferences
from vac_boinc.reasons import Suspended

EXCLUSIVE_WAIT_SECONDS: Final = 15.0
"""BOINC looks for exclusive programs every 10 s, and waits 5 s more after one has gone."""
UNKNOWN_SECONDS: Final = 86400.0
"""BOINC's USER_IDLE_TIME_INF: after so long nobody can tell when the last input was, and that it was long ago counts
no more."""


@attrs.frozen(kw_only=True)
class HostState:
    """What was found of a host at one moment."""

    time: float
    """Unix seconds."""
    moment: dt.datetime
    """The same as local time."""
    on_batteries: bool = False
    idle_seconds: float | None = None
    """Since the last input; None where nobody can tell, which counts as idle for ever."""
    others_percent: float = 0.0
    """Use of all processors by others than machines of this factory."""
    exclusive_app: str = ""
    """Name of an exclusive program that runs."""

    def in_use(self, prefs: Preferences) -> bool:
        """Whether somebody is at the computer."""
        return self.idle_seconds is not None and self.idle_seconds < prefs.idle_time_to_run * 60


@attrs.frozen(kw_only=True)
class Waits:
    """How long a state of the processors must last before it counts, in seconds."""

    grace: float = 0.0
    resume: float = 20.0


def wanted(prefs: Preferences, host: HostState) -> Suspended | None:
    """Why the owner wants the host at this moment; None if machines may run."""
    in_use = host.in_use(prefs)
    limit = prefs.busy_limit(in_use=in_use)
    too_long = prefs.suspend_if_no_recent_input * 60
    idle = host.idle_seconds or 0.0
    found = (
        (Suspended.BATTERIES, host.on_batteries and not prefs.run_on_batteries),
        (Suspended.USER_ACTIVE, in_use and not prefs.run_if_user_active),
        (Suspended.TIME_OF_DAY, not prefs.week.open(host.moment)),
        (Suspended.NO_RECENT_INPUT, 0 < too_long < idle < UNKNOWN_SECONDS),
        (Suspended.EXCLUSIVE_APP_RUNNING, bool(host.exclusive_app)),
        (Suspended.CPU_USAGE, 0 < limit < host.others_percent),
    )
    return next((reason for reason, holds in found if holds), None)


@attrs.frozen(kw_only=True)
class Standing:
    """What is held to: the reason for which machines are suspended, if any, since when, and what is in the balance."""

    reason: Suspended | None = None
    since: float = 0.0
    """When the host was taken, or given back."""
    last_seen: float = 0.0
    """When the reason was last found to hold."""
    busy_since: float | None = None
    """Since when others have used the processors too much, without that having counted yet."""


def step(before: Standing, found: Suspended | None, now: float, waits: Waits) -> Standing:
    """What is held to after one more look at the host.

    Processors that others use suspend only after ``waits.grace``; and after that, or an exclusive program, machines go
    on only once that was over for a while, so that they do not flap.
    """
    if found is Suspended.CPU_USAGE and before.reason is None:
        busy_since = now if before.busy_since is None else min(before.busy_since, now)
        if now - busy_since < waits.grace:
            return attrs.evolve(before, busy_since=busy_since)
    if found is not None:
        since = before.since if before.reason is not None else now
        return Standing(reason=found, since=since, last_seen=now)
    if before.reason is not None and 0 <= now - before.last_seen < _wait(before.reason, waits):
        return before
    return Standing(since=before.since if before.reason is None else now)


def _wait(reason: Suspended, waits: Waits) -> float:
    return {Suspended.CPU_USAGE: waits.resume, Suspended.EXCLUSIVE_APP_RUNNING: EXCLUSIVE_WAIT_SECONDS}.get(reason, 0.0)
