"""The contract of hypervisors, kept by real containers: of Docker, and of Podman behind Docker's API."""

from __future__ import annotations

import pytest
from docker_kit import machinetype, request

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home
from vac_core.testing.box import DEADLINE, ContainerHost
from vac_core.testing.contracts import HypervisorContract
from vac_core.testing.contracts.host import Host
from vac_docker import DockerHypervisor, DockerPlugin

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


class OnAnEngine(HypervisorContract):
    patience_seconds = DEADLINE

    def hypervisor_on(self, engine: ContainerHost) -> DockerHypervisor:
        self.options = DockerPlugin(socket=engine.url)
        return DockerHypervisor(self.options)

    def again(self, hypervisor: DockerHypervisor) -> DockerHypervisor:
        return DockerHypervisor(self.options)

    def machinetype(self, hypervisor: DockerHypervisor) -> MachineType:
        return machinetype()

    def request(self, host: Host, user_data: bytes, home: Home | None = None) -> CreateRequest:
        return request(home or host.home, user_data)


class TestDockerKeepsTheContract(OnAnEngine):
    @pytest.fixture
    def hypervisor(self, docker_box: ContainerHost) -> DockerHypervisor:
        return self.hypervisor_on(docker_box)


class TestPodmanKeepsTheContract(OnAnEngine):
    @pytest.fixture
    def hypervisor(self, podman_box: ContainerHost) -> DockerHypervisor:
        return self.hypervisor_on(podman_box)
