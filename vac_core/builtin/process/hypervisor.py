"""The ``process`` hypervisor: a machine is a supervised process group in its own directory. It needs no root."""

from __future__ import annotations

import os
from pathlib import Path

from vac_core.builtin.process.options import ProcessPlugin, plugin_options
from vac_core.builtin.process.program import LOG, OWN, features_urls, prepare
from vac_core.interfaces import CreateRequest, Urls
from vac_core.model import Health, HealthState, Machine
from vac_core.supervision import Cgroup, Launch, SupervisedHypervisor


class ProcessHypervisor(SupervisedHypervisor):
    """Machines that are processes of the factory's own user."""

    name = "process"
    machine_models = frozenset({"process"})
    own = OWN
    log = f"joboutputs/{LOG}"

    @property
    def cgroup_option(self) -> str:
        """As the [plugin process] section says."""
        return self._options.cgroup

    @property
    def _options(self) -> ProcessPlugin:
        return plugin_options(self.home.options())

    def health(self) -> Health:
        """Whether the kernel can do what is needed, and how well machines are held together."""
        found = super().health()
        if found.state is HealthState.HEALTHY and os.geteuid() == 0:
            return Health(HealthState.DEGRADED, "machines run as root", "run the factory as a user of its own")
        return found

    def features_for(self, machine: Machine, directory: Path) -> Urls:
        """The directories themselves: a process sees them where they are."""
        del machine
        return features_urls(directory)

    def prepare(self, request: CreateRequest, cgroup: Cgroup | None) -> Launch:
        """The context's user_data, as a program."""
        return prepare(request, cgroup, self._options.search_path)
