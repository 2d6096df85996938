"""The ``libvirt`` hypervisor: machines are virtual machines, made through libvirt."""

from __future__ import annotations

from collections.abc import Iterable

import click

from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Hypervisor, OptionSet
from vac_libvirt.cernvm_image_command import cernvm_signature
from vac_libvirt.console import console
from vac_libvirt.hypervisor import LibvirtHypervisor
from vac_libvirt.options import OPTION_SET, LibvirtMachine, LibvirtPlugin

__all__ = ["LibvirtHypervisor", "vac_commands", "vac_hypervisors", "vac_options"]


@hookimpl
def vac_hypervisors() -> Iterable[Hypervisor]:
    """Offer virtual machines."""
    return [LibvirtHypervisor()]


@hookimpl
def vac_options() -> Iterable[OptionSet]:
    """Declare the options of virtual machines."""
    return [
        OptionSet(name=OPTION_SET, section="machinetype", schema=LibvirtMachine),
        OptionSet(name=OPTION_SET, section="plugin", schema=LibvirtPlugin),
    ]


@hookimpl
def vac_commands() -> Iterable[click.Command]:
    """Offer their consoles, and to verify CernVM's images by hand."""
    return [cernvm_signature, console]
