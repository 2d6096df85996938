"""A started hypervisor of real containers, as tests see it."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from image_server import wait_until
from vac_apptainer import ApptainerHypervisor

from vac_core.interfaces import CreateRequest, Home, Observed
from vac_core.testing import create_request, machine, machinetype

SECONDS = 60.0
"""How long anything may take: far more than it needs."""


def printed(request: CreateRequest) -> list[str]:
    """The lines that a machine has printed."""
    return (request.directory / "joboutputs" / "user_data.log").read_text("utf-8", "replace").splitlines()


@attrs.define
class Host:
    """A started hypervisor, and what it has told."""

    home: Home
    image: Path
    hypervisor: ApptainerHypervisor = attrs.field(factory=ApptainerHypervisor)
    news: queue.SimpleQueue[str] = attrs.field(factory=queue.SimpleQueue)

    def request(self, *lines: str, options: dict[str, Any] | None = None, **context: Any) -> CreateRequest:
        of = machine(memory_bytes=context.pop("memory_bytes", 256 * 2**20))
        of_type = machinetype(**{"machine_model": "apptainer", "root_image": str(self.image), **(options or {})})
        return create_request(
            self.home, of, of_type, user_data="\n".join(["#!/bin/sh", *lines, ""]).encode(), **context
        )

    def run(self, *lines: str, **about: Any) -> tuple[Observed, list[str]]:
        """Run a script in a container to its end; how it was seen then, and the lines that it printed."""
        request = self.request(*lines, **about)
        self.hypervisor.create(request)
        return self.ended(request.machine.id), printed(request)

    def begin(self, *lines: str, **about: Any) -> CreateRequest:
        """Begin a script that makes the file ``up`` in its outputs when it has come so far."""
        request = self.request(*lines, **about)
        self.hypervisor.create(request)
        wait_until(lambda: (request.directory / "joboutputs" / "up").exists() or self.find(request.machine.id).ended)
        assert (request.directory / "joboutputs" / "up").exists(), printed(request)
        return request

    def find(self, machine_id: str) -> Observed:
        return {one.machine_id: one for one in self.hypervisor.list_machines()}[machine_id]

    def ended(self, machine_id: str) -> Observed:
        while not (seen := self.find(machine_id)).ended:
            self.news.get(timeout=SECONDS)
        return seen


@contextmanager
def opened(host: Host) -> Iterator[Host]:
    """Start a hypervisor and watch it; destroy all that is there in the end."""
    host.hypervisor.start(host.home)
    host.hypervisor.watch(host.news.put)
    try:
        yield host
    finally:
        for one in host.hypervisor.list_machines():
            host.hypervisor.destroy(one.machine_id)
        host.hypervisor.stop()
