"""Engines that the tests of one file share: each is started once, and is gone when they are through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker_kit import docker_engine, podman_engine

from vac_core.testing.box import ContainerHost


@pytest.fixture(scope="session")
def docker_box() -> Iterator[ContainerHost]:
    """A Docker engine of the suite's own."""
    with docker_engine() as host:
        yield host


@pytest.fixture(scope="session")
def podman_box() -> Iterator[ContainerHost]:
    """Podman's service, of the suite's own."""
    with podman_engine() as host:
        yield host
