"""The ``process`` hypervisor: a machine is a supervised process group in its own directory. It needs no root."""

from __future__ import annotations

from collections.abc import Iterable

from vac_core.builtin.process.hypervisor import ProcessHypervisor
from vac_core.builtin.process.options import OPTION_SET, ProcessMachine, ProcessPlugin
from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Hypervisor, OptionSet

__all__ = ["ProcessHypervisor", "vac_hypervisors", "vac_options"]


@hookimpl
def vac_hypervisors() -> Iterable[Hypervisor]:
    """Offer machines that are processes."""
    return [ProcessHypervisor()]


@hookimpl
def vac_options() -> Iterable[OptionSet]:
    """Declare their options."""
    return [
        OptionSet(name=OPTION_SET, section="machinetype", schema=ProcessMachine),
        OptionSet(name=OPTION_SET, section="plugin", schema=ProcessPlugin),
    ]
