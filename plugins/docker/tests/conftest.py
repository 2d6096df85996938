"""Engines of the tests' own: shared ones end when all tests are through, the others after the test that has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_kit import docker_engine, podman_engine
from docker_site import Site
from system.daemon_kit import Daemon

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


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[ContainerHost]:
    """A Docker engine of the test's own; what its daemon.json says may be a parameter."""
    with docker_engine(**getattr(request, "param", {})) as host:
        yield host


@pytest.fixture
def site(tmp_path: Path, engine: ContainerHost) -> Iterator[Site]:
    """A factory on that engine, whose daemon is not started."""
    one = Site(Daemon(tmp_path / "f"), engine)
    yield one
    one.close()
