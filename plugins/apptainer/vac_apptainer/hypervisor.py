"""The ``apptainer`` hypervisor: a machine is a container of Apptainer under a supervisor, run as one plain user."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from vac_apptainer.account import Account, account
from vac_apptainer.binds import FEATURES
from vac_apptainer.container import STAGE
from vac_apptainer.image import check_kind, is_url, local_image, repositories
from vac_apptainer.inside import inside
from vac_apptainer.options import ApptainerPlugin, plugin_options
from vac_apptainer.plan import OWN, Place, plan, problems, refuse_unfit
from vac_apptainer.program import namespaces_forbidden, program
from vac_core.config.schema import MachineType
from vac_core.cvmfs import Cvmfs
from vac_core.images import ImageCache
from vac_core.interfaces import CreateRequest, Home, MachineTypeError, PluginError, Urls
from vac_core.model import Health, HealthState, Machine
from vac_core.powers import Resources
from vac_core.supervision import Cgroup, Choice, Launch, SupervisedHypervisor


class ApptainerHypervisor(SupervisedHypervisor):
    """Machines that are containers of Apptainer, or Singularity, each the process group of a supervisor."""

    name = "apptainer"
    machine_models = frozenset({"apptainer", "singularity"})
    own = OWN
    uses_legacy_cgroups = True

    def __init__(self) -> None:
        super().__init__()
        self._cache: ImageCache | None = None
        self._cvmfs = Cvmfs(lambda: self.tell(""))

    @property
    def cgroup_option(self) -> str:
        """As the [plugin apptainer] section says."""
        return self._options.cgroup

    def whom_to_ask(self) -> Choice | None:
        """The guest's own processes, and none of Apptainer's."""
        return inside

    @property
    def _options(self) -> ApptainerPlugin:
        return plugin_options(self.home.options())

    @property
    def _account(self) -> Account:
        return account(self.home.settings().singularity_user)

    @property
    def _images(self) -> ImageCache:
        if self._cache is None:
            raise PluginError("the hypervisor apptainer was not started: call start first")
        return self._cache

    def start(self, home: Home) -> None:
        """Find the machines that are there; as root, make the place where containers are shown what they may see."""
        super().start(home)
        self._cache = ImageCache.of(home, changed=lambda: self.tell(""))
        if os.geteuid() == 0:
            try:
                STAGE.mkdir(mode=0o755, exist_ok=True)
            except OSError as problem:
                raise PluginError(f"{STAGE}: {problem.strerror}: let the factory make this directory") from None

    def stop(self) -> None:
        """End its threads; machines go on running."""
        super().stop()
        if self._cache is not None:
            self._cache.close()
            self._cache = None

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

    def resources(self, machinetypes: Sequence[MachineType]) -> Resources:
        """Which machinetypes wait for their images, or for CVMFS."""
        fit = [one for one in machinetypes if not problems(one)]
        reasons = {one.name: self._image_refusal(one) or self._cvmfs_refusal(one) for one in fit}
        return Resources(refusals={name: reason for name, reason in reasons.items() if reason})

    def _image_refusal(self, machinetype: MachineType) -> str:
        url = machinetype.root_image
        return "" if url is None or not is_url(url) else self._images.state(url, machinetype.root_image_sha256).reason

    def _cvmfs_refusal(self, machinetype: MachineType) -> str | None:
        options = self._options
        return self._cvmfs.refusal(options.cvmfs_root, repositories(machinetype), options.cvmfs_seconds)

    def create(self, request: CreateRequest) -> Mapping[str, str]:
        """Lease the image where it is a cached one, and start the container."""
        try:
            return super().create(request)
        except BaseException:
            if not self.knows(request.machine.id):
                self._images.release(request.machine.id)
            raise

    def destroy(self, machine_id: str) -> None:
        """End the container and clear it away; its image may go too."""
        super().destroy(machine_id)
        self._images.release(machine_id)

    def prepare(self, request: CreateRequest, cgroup: Cgroup | None) -> Launch:
        """The container that a request asks for."""
        options = self._options
        try:
            refuse_unfit(request.machinetype)
            self._refuse_without_cvmfs(request.machinetype)
            place = Place(
                program=program(options.program),
                account=self._account,
                image=self._image(request),
                cvmfs_root=Path(options.cvmfs_root),
                cgroup=cgroup,
            )
            return plan(request, place)
        except MachineTypeError as problem:
            raise MachineTypeError(f"machinetype {request.machinetype.name}: {problem}") from None

    def _refuse_without_cvmfs(self, machinetype: MachineType) -> None:
        options = self._options
        if reason := self._cvmfs.wait(options.cvmfs_root, repositories(machinetype), options.cvmfs_seconds):
            raise PluginError(reason)

    def _image(self, request: CreateRequest) -> Path:
        machinetype = request.machinetype
        url = machinetype.root_image
        if url is None or not is_url(url):
            return local_image(machinetype, Path(self._options.cvmfs_root))
        image = self._images.lease(url, request.machine.id, machinetype.root_image_sha256)
        check_kind(image.path, image.url)
        return image.path
