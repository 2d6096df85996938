"""The ``apptainer`` hypervisor: a machine is a container of Apptainer under a supervisor, run as one plain user."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vac_apptainer.account import Account, account
from vac_apptainer.binds import FEATURES
from vac_apptainer.container import STAGE
from vac_apptainer.image import local_image
from vac_apptainer.options import ApptainerPlugin, plugin_options
from vac_apptainer.plan import OWN, plan, problems
from vac_apptainer.program import namespaces_forbidden, program
from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home, MachineTypeError, PluginError, Urls
from vac_core.model import Health, HealthState, Machine
from vac_core.supervision import Cgroup, Launch, SupervisedHypervisor


class ApptainerHypervisor(SupervisedHypervisor):
    """Machines that are containers of Apptainer, or Singularity, each the process group of a supervisor."""

    name = "apptainer"
    machine_models = frozenset({"apptainer", "singularity"})
    own = OWN
    uses_legacy_cgroups = True

    @property
    def cgroup_option(self) -> str:
        """As the [plugin apptainer] section says."""
        return self._options.cgroup

    @property
    def _options(self) -> ApptainerPlugin:
        return plugin_options(self.home.options())

    @property
    def _account(self) -> Account:
        return account(self.home.settings().singularity_user)

    def start(self, home: Home) -> None:
        """Find the machines that are there; as root, make the place where containers are shown what they may see."""
        super().start(home)
        if os.geteuid() == 0:
            try:
                STAGE.mkdir(mode=0o755, exist_ok=True)
            except OSError as problem:
                raise PluginError(f"{STAGE}: {problem.strerror}: let the factory make this directory") from None

    def health(self) -> Health:
        """Whether there are a program, a user and the kernel's leave to make containers."""
        found = super().health()
        if found.state is not HealthState.HEALTHY:
            return found
        try:
            installed, whom = program(self._options.program), self._account
        except PluginError as problem:
            what, _, mend = str(problem).rpartition(": ")
            return Health(HealthState.UNUSABLE, what, mend)
        if mend := namespaces_forbidden():
            return Health(HealthState.UNUSABLE, "users may make no containers on this host", f"set {mend} with sysctl")
        return Health(found=f"{installed.version}, run as {whom.name}; {found.found}")

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the options that bear on containers."""
        return problems(machinetype)

    def features_for(self, machine: Machine, directory: Path) -> Urls:
        """Where every container finds them, as with Vac 3."""
        del machine, directory
        return FEATURES

    def prepare(self, request: CreateRequest, cgroup: Cgroup | None) -> Launch:
        """The container that a request asks for."""
        try:
            return plan(
                request,
                cgroup=cgroup,
                image=local_image(request.machinetype),
                program=program(self._options.program),
                account=self._account,
            )
        except MachineTypeError as problem:
            raise MachineTypeError(f"machinetype {request.machinetype.name}: {problem}") from None
