"""What the tests of containers have: the real program, and a user for them."""

from __future__ import annotations

import os

import pytest
from real_apptainer import Installation, installation, with_tools
from vac_apptainer.options import ApptainerPlugin


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
