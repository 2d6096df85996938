"""Machines that are containers, through the API of a Docker engine or of Podman's service."""

from __future__ import annotations

from collections.abc import Iterable

from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Hypervisor, OptionSet
from vac_docker.hypervisor import DockerHypervisor
from vac_docker.options import OPTION_SET, DockerMachine, DockerPlugin

__all__ = ["DockerHypervisor", "DockerMachine", "DockerPlugin", "vac_hypervisors", "vac_options"]


@hookimpl
def vac_hypervisors() -> Iterable[Hypervisor]:
    """Offer machines that are containers."""
    return [DockerHypervisor()]


@hookimpl
def vac_options() -> Iterable[OptionSet]:
    """Declare their options."""
    return [
        OptionSet(name=OPTION_SET, section="machinetype", schema=DockerMachine),
        OptionSet(name=OPTION_SET, section="plugin", schema=DockerPlugin),
    ]
