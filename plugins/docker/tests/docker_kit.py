"""Engines for tests, and machines on them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
from engines import missing
from vac_docker import DockerMachine
from vac_docker.testing import busybox_archive

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home
from vac_core.testing import create_request, machine
from vac_core.testing.box import DOCKER, PODMAN, ContainerHost, docker_host, podman_host, unavailable

IMAGE = "localhost/vac-tests:1"
"""Busybox, which every engine here has."""
MIB = 2**20

_slots = itertools.cycle(range(90))


@contextmanager
def docker_engine(**configuration: object) -> Iterator[ContainerHost]:
    """A Docker engine of one's own that has `IMAGE`."""
    if reason := unavailable(*DOCKER):
        missing(reason)
    with docker_host(configuration=configuration) as host:
        load(host, busybox_archive(IMAGE))
        yield host


@contextmanager
def podman_engine() -> Iterator[ContainerHost]:
    """Podman's service, with `IMAGE`."""
    if reason := unavailable(*PODMAN):
        missing(reason)
    with podman_host() as host:
        load(host, busybox_archive(IMAGE))
        yield host


@contextmanager
def client_of(host: ContainerHost) -> Iterator[Any]:
    """The bare library, to look at an engine past the plugin."""
    client = docker.APIClient(base_url=host.url, version="auto", timeout=60)
    try:
        yield client
    finally:
        client.close()


def load(host: ContainerHost, archive: bytes) -> None:
    """Give an engine an image."""
    with client_of(host) as client:
        for _ in client.load_image(archive):
            pass


def machinetype(options: DockerMachine | None = None, **changes: Any) -> MachineType:
    """A machinetype whose machines are containers of `IMAGE`."""
    usual = {
        "name": "lhcb",
        "target_share": 1.0,
        "machine_model": "docker",
        "root_image": f"docker://{IMAGE}",
        "user_data": "user_data",
        "plugin_options": {"docker": options or DockerMachine()},
    }
    return MachineType(**{**usual, **changes})


def request(home: Home, user_data: str | bytes, of_type: MachineType | None = None, **changes: Any) -> CreateRequest:
    """A request for a machine in a slot of its own; ``changes`` are of its context."""
    kind = of_type or machinetype()
    one = machine(
        next(_slots), machinetype=kind.name, machine_model="docker", hypervisor="docker", memory_bytes=64 * MIB
    )
    content = user_data.encode() if isinstance(user_data, str) else user_data
    return create_request(home, one, kind, user_data=content, **changes)
