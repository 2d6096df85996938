"""Machines that are Apptainer or Singularity containers, for Vac."""

from __future__ import annotations

from collections.abc import Iterable

from vac_apptainer.hypervisor import ApptainerHypervisor
from vac_apptainer.options import OPTION_SET, ApptainerMachine, ApptainerPlugin
from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Hypervisor, OptionSet

__all__ = ["ApptainerHypervisor", "vac_hypervisors", "vac_options"]


@hookimpl
def vac_hypervisors() -> Iterable[Hypervisor]:
    """Offer machines that are containers of Apptainer."""
    return [ApptainerHypervisor()]


@hookimpl
def vac_options() -> Iterable[OptionSet]:
    """Declare their options."""
    return [
        OptionSet(name=OPTION_SET, section="machinetype", schema=ApptainerMachine),
        OptionSet(name=OPTION_SET, section="plugin", schema=ApptainerPlugin),
    ]
