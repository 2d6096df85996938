"""Containers of the real Apptainer keep what every hypervisor keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_apptainer import Installation
from vac_apptainer import ApptainerHypervisor
from vac_apptainer.options import ApptainerPlugin

from vac_core.config.schema import MachineType
from vac_core.interfaces import Home, Hypervisor
from vac_core.testing import home as make_home
from vac_core.testing import machinetype
from vac_core.testing.contracts.hypervisor import HypervisorContract

pytestmark = pytest.mark.system


class ApptainerContract(HypervisorContract):
    user_data_bad = b"<html>404</html>"
    patience_seconds = 60.0

    @pytest.fixture(autouse=True)
    def _image(self, real: Installation) -> None:
        self.image = real.directory_image

    @pytest.fixture
    def hypervisor(self) -> Hypervisor:
        return ApptainerHypervisor()

    def machinetype(self, hypervisor: Hypervisor) -> MachineType:
        return machinetype(machine_model="singularity", hypervisor="apptainer", root_image=str(self.image))


class TestContainersInDirectories(ApptainerContract):
    @pytest.fixture
    def home(self, tmp_path: Path, plugin: ApptainerPlugin, singularity_user: str | None) -> Home:
        return make_home(tmp_path, options=plugin, singularity_user=singularity_user)


class TestContainersInFilesWithoutCgroups(ApptainerContract):
    @pytest.fixture(autouse=True)
    def _image(self, real: Installation) -> None:
        self.image = real.sif_image

    @pytest.fixture
    def home(self, tmp_path: Path, plugin: ApptainerPlugin, singularity_user: str | None) -> Home:
        without = ApptainerPlugin(program=plugin.program, cgroup="no")
        return make_home(tmp_path, options=without, singularity_user=singularity_user)
