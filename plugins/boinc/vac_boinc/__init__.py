"""BOINC's ways for Vac; each object can be used without the others."""

from __future__ import annotations

from collections.abc import Iterable

from vac_boinc.boinc_app import BoincApp
from vac_boinc.boinc_client import BoincClient
from vac_boinc.courtesy import Courtesy
from vac_boinc.machine_options import BoincMachine
from vac_boinc.options import OPTION_SET, BoincPlugin
from vac_boinc.prefs import Prefs
from vac_boinc.recent_credit import CreditBooks, RecentCredit
from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Contextualiser, Observer, OptionSet, Policy

_books = CreditBooks()
"""The observer keeps them, and the policy reads them."""


@hookimpl
def vac_policies() -> Iterable[Policy]:
    """Offer ``prefs`` and ``recent-credit``."""
    return [Prefs(), RecentCredit(_books)]


@hookimpl
def vac_contextualisers() -> Iterable[Contextualiser]:
    """Offer ``boinc-client`` and ``boinc-app``."""
    return [BoincClient(), BoincApp()]


@hookimpl
def vac_observers() -> Iterable[Observer]:
    """Have ``recent-credit`` told how machines end, and ``courtesy`` when they come and go."""
    return [_books, Courtesy()]


@hookimpl
def vac_options() -> Iterable[OptionSet]:
    """Declare their options."""
    return [
        OptionSet(name=OPTION_SET, section="plugin", schema=BoincPlugin),
        OptionSet(name=OPTION_SET, section="machinetype", schema=BoincMachine),
    ]
