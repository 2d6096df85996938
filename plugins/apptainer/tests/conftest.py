"""What the tests of containers have: the real program, and a user for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_host import Host, opened
from real_apptainer import Installation, installation, with_tools
from vac_apptainer.options import ApptainerPlugin

from vac_core.interfaces import Home
from vac_core.testing import home as make_home


@pytest.fixture(scope="session")
def real() -> Installation:
    """The real Apptainer and its images."""
    return installation()


@pytest.fixture
def plugin(real: Installation, monkeypatch: pytest.MonkeyPatch) -> ApptainerPlugin:
    """The [plugin apptainer] section of a host that has it."""
    monkeypatch.setenv("PATH", with_tools(real.root))
    return ApptainerPlugin(program=str(real.program))


@pytest.fixture
def singularity_user() -> str | None:
    """Whom containers run as: somebody without privileges where the tests run as root, else their own user."""
    return "nobody" if os.geteuid() == 0 else None


@pytest.fixture
def home(tmp_path: Path, plugin: ApptainerPlugin, singularity_user: str | None) -> Home:
    """The home of a factory that makes containers."""
    return make_home(tmp_path, options=plugin, singularity_user=singularity_user)


@pytest.fixture
def host(home: Home, real: Installation) -> Iterator[Host]:
    """Its hypervisor, started; whatever a test leaves there is destroyed after it."""
    with opened(Host(home, real.directory_image)) as host:
        yield host
