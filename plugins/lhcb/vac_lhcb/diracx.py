"""The observer ``diracx``: tells DiracX of pilots that nobody sent, when their machines are made and how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vac_core.interfaces import Home, Observer
from vac_core.model import Event, Machine
from vac_lhcb.diracx_access import LhcbPlugin

PILOT: Final = "dirac_pilot"
"""Details of a machine that has a pilot: its reference, VO, and site."""
VO: Final = "dirac_vo"
SITE: Final = "dirac_site"

_REASON_MAX: Final = 255


class DiracxObserver(Observer):
    """Registers pilots and their outcomes; what cannot be told now is told later."""

    name = "diracx"

    def __init__(self) -> None:
        self._home: Home | None = None

    def start(self, home: Home) -> None:
        """Take note of where the options are."""
        self._home = home

    def observe(self, event: Event) -> None:
        """Register the pilot of a machine that was made; tell how one that is gone has ended."""
        options = self._home.options() if self._home is not None else None
        if event.machine is None or PILOT not in event.machine.details or not isinstance(options, LhcbPlugin):
            return
        if options.diracx_url is None:
            return
        from vac_lhcb.diracx_http import tell  # noqa: PLC0415 - so that a command's help is quick

        if event.what == "created":
            tell(options, "POST", "/api/pilots/", registration(event.machine))
        elif event.what == "gone":
            tell(options, "PATCH", "/api/pilots/metadata", ending(event.machine))


def stamp(machine: Machine) -> str:
    """By what DIRAC knows a pilot: 32 characters at most."""
    return machine.id.replace("-", "")


def registration(machine: Machine) -> Mapping[str, Any]:
    """The document that registers a machine's pilot."""
    return {
        "pilot_stamp": stamp(machine),
        "vo": machine.details.get(VO, ""),
        "grid_type": "VAC",
        "grid_site": machine.details.get(SITE, "Unknown"),
        "pilot_reference": machine.details[PILOT],
        "pilot_status": "Running",
    }


def ending(machine: Machine) -> Mapping[str, Any]:
    """The document that says how a machine's pilot ended."""
    outcome = machine.outcome
    code = outcome.code if outcome is not None else None
    status = "Aborted" if code is None else "Done" if code < 400 else "Failed"
    return {stamp(machine): {"Status": status, "StatusReason": str(outcome or "")[:_REASON_MAX]}}
