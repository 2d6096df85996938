"""The plugin of the how-to page is really installed, found, tested by its own tests, and makes a machine's context."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "docs" / "howto" / "vac_greeting"


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which pip has installed it."""
    copy = tmp_path_factory.mktemp("source") / "vac_greeting"
    shutil.copytree(EXAMPLE, copy)
    target = tmp_path_factory.mktemp("installed")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target", str(target))
    done = run("-m", "pip", "install", *options, str(copy), PIP_ROOT_USER_ACTION="ignore")
    assert done.returncode == 0, done.stderr
    return target


def test_it_takes_thirty_lines() -> None:
    lines = (EXAMPLE / "vac_greeting.py").read_text("utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= 30


def test_vac_lists_it_as_active(installed: Path) -> None:
    listed = run("-c", "from vac_core.cli.main import main; main()", "plugins", "--json", PYTHONPATH=str(installed))
    assert listed.returncode == 0, listed.stderr
    found = {one["name"]: one for one in json.loads(listed.stdout)}
    assert found["greeting"]["state"] == "active"
    assert found["greeting"]["provides"] == ["contextualiser greeting"]
    assert found["greeting"]["distribution"] == "vac-greeting"


def test_its_own_tests_pass(installed: Path) -> None:
    tested = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(installed),
        *map(str, sorted(EXAMPLE.glob("test_*.py"))), PYTHONPATH=str(installed),
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "passed" in tested.stdout
