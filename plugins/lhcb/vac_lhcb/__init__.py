"""Machines whose job agent pulls jobs from a DIRAC task queue, for LHCb and for any other VO that uses DIRAC."""

from __future__ import annotations

from collections.abc import Iterable

from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Contextualiser, Observer, OptionSet, Policy
from vac_lhcb.context import LhcbContextualiser
from vac_lhcb.diracx import DiracxObserver
from vac_lhcb.diracx_access import LhcbPlugin
from vac_lhcb.options import OPTION_SET, LhcbMachine
from vac_lhcb.policy import LhcbPolicy


@hookimpl
def vac_contextualisers() -> Iterable[Contextualiser]:
    """Offer ``lhcb``."""
    return [LhcbContextualiser()]


@hookimpl
def vac_policies() -> Iterable[Policy]:
    """Offer ``lhcb``."""
    return [LhcbPolicy()]


@hookimpl
def vac_observers() -> Iterable[Observer]:
    """Offer ``diracx``."""
    return [DiracxObserver()]


@hookimpl
def vac_options() -> Iterable[OptionSet]:
    """Declare the ``dirac_`` options of machinetypes, and the [plugin lhcb] section."""
    return [
        OptionSet(name=OPTION_SET, section="machinetype", schema=LhcbMachine),
        OptionSet(name=OPTION_SET, section="plugin", schema=LhcbPlugin),
    ]
