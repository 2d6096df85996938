"""The contract of hypervisors, kept by real containers: of Docker, and of Podman behind Docker's API."""

from __future__ import annotations

import os

import pytest
from docker_kit import machinetype, request
from vac_docker import DockerHypervisor, DockerPlugin
from vac_docker.errors import EngineError

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home
from vac_core.testing.box import DEADLINE, ContainerHost
from vac_core.testing.contracts import HypervisorContract
from vac_core.testing.contracts.host import Host

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
    # Debian's Podman has no init program, and the kernel keeps from process 1 whatever signal it does not handle yet.
    user_data_stays = b"#!/bin/sh\ntrap 'exit 0' TERM\necho >$JOBOUTPUTS/ready\nwhile :; do sleep 600 & wait $!; done\n"

    @pytest.fixture
    def hypervisor(self, podman_box: ContainerHost) -> DockerHypervisor:
        return self.hypervisor_on(podman_box)

    def request(self, host: Host, user_data: bytes, home: Home | None = None) -> CreateRequest:
        wanted = super().request(host, user_data, home)
        if user_data == self.user_data_stays:
            os.mkfifo(wanted.directory / "joboutputs" / "ready")
            self.latest = wanted.directory / "joboutputs" / "ready"
        return wanted

    def made(self, host: Host, user_data: bytes) -> str:
        machine_id = super().made(host, user_data)
        if user_data == self.user_data_stays:
            self.latest.read_bytes()
        return machine_id

    def test_a_machine_is_held_down_and_let_go(self, host: Host) -> None:
        machine_id = self.made(host, self.user_data_stays)
        with pytest.raises(EngineError, match="limiting a container's processor time"):
            host.hypervisor.cap(machine_id, 0.5)  # type: ignore[attr-defined] # Podman 4 has no such request
        assert host.runs(machine_id)
