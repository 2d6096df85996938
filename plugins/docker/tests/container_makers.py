"""A started ``docker`` hypervisor on a real engine, as tests see it."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import docker_kit
from image_server import wait_until
from vac_docker import DockerHypervisor, DockerMachine

from vac_core.config.schema import MachineType
from vac_core.interfaces import Home, Observed

SECONDS = 60.0
BUSYBOX = f"docker://{docker_kit.IMAGE}"


@attrs.define
class Maker:
    """It makes machines of one machinetype after another."""

    home: Home
    hypervisor: DockerHypervisor = attrs.field(factory=DockerHypervisor)
    news: queue.SimpleQueue[str] = attrs.field(factory=queue.SimpleQueue)

    def machinetype(
        self, root_image: str = BUSYBOX, *, pipe: str | None = None, sha256: str | None = None, **docker: Any
    ) -> MachineType:
        """One that wants this image, with these options of the plugin's own."""
        image = {"root_image": root_image, "root_image_sha256": sha256}
        return docker_kit.machinetype(DockerMachine(**docker), **image, pipe=pipe)

    def refusal(self, of_type: MachineType) -> str:
        """Why none can be made of it now; empty where one can."""
        return self.hypervisor.resources([of_type]).refusals.get(of_type.name, "")

    def await_image(self, of_type: MachineType) -> None:
        """Wait until one can be made of it."""
        wait_until(lambda: not self.refusal(of_type))

    def await_refusal(self, of_type: MachineType, reason: str) -> str:
        """Wait until the reason why none can be made holds these words."""
        wait_until(lambda: reason in self.refusal(of_type))
        return self.refusal(of_type)

    def create(self, of_type: MachineType) -> tuple[str, dict[str, str]]:
        """Make a machine that ends at once; its id, and what is journalled with it."""
        request = docker_kit.request(self.home, "#!/bin/sh\nexit 0\n", of_type)
        return request.machine.id, dict(self.hypervisor.create(request))

    def run(self, of_type: MachineType) -> tuple[Observed, dict[str, str]]:
        """Make one and wait for its end; how it was seen then, and what is journalled with it."""
        machine_id, details = self.create(of_type)
        return self.ended(machine_id), details

    def ended(self, machine_id: str) -> Observed:
        """Wait for a machine's end; how it was seen then."""
        while not (seen := self.find(machine_id)).ended:
            self.news.get(timeout=SECONDS)
        return seen

    def find(self, machine_id: str) -> Observed:
        """A machine as it is listed."""
        return {one.machine_id: one for one in self.hypervisor.list_machines()}[machine_id]


@contextmanager
def opened(maker: Maker) -> Iterator[Maker]:
    """Start it and watch; destroy what a test leaves."""
    maker.hypervisor.start(maker.home)
    maker.hypervisor.watch(maker.news.put)
    try:
        yield maker
    finally:
        for one in maker.hypervisor.list_machines():
            maker.hypervisor.destroy(one.machine_id)
        maker.hypervisor.stop()
