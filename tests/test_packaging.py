"""Every distribution of this repository is packaged in the one way that is known to work."""

from __future__ import annotations

import importlib.util
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

from vac_core import __version__

ROOT = Path(__file__).parent.parent
DISTRIBUTIONS = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/setup.cfg"))]


def setup_cfg(directory: Path) -> ConfigParser:
    read = ConfigParser(delimiters=("=",))
    read.read_string((directory / "setup.cfg").read_text("utf-8"))
    return read


@pytest.mark.parametrize("directory", DISTRIBUTIONS, ids=lambda path: path.name)
class TestDistribution:
    def test_its_version_is_the_core_s(self, directory: Path) -> None:
        assert setup_cfg(directory)["metadata"]["version"] == __version__

    def test_editable_installs_are_visible_to_type_checkers(self, directory: Path) -> None:
        assert setup_cfg(directory)["options"]["package_dir"].split() == ["=", "."]

    def test_no_project_table_hides_the_declarations(self, directory: Path) -> None:
        assert "project" not in tomllib.loads((directory / "pyproject.toml").read_text("utf-8"))

    def test_its_entry_points_are_there(self, directory: Path) -> None:
        declared = setup_cfg(directory)["options.entry_points"]["vac"].strip().splitlines()
        modules = [line.partition("=")[2].strip() for line in declared]
        assert modules
        assert all(importlib.util.find_spec(module) for module in modules)


EXAMPLE = ROOT / "docs" / "howto" / "vac_greeting"


@pytest.mark.parametrize("directory", [EXAMPLE, *DISTRIBUTIONS[1:]], ids=lambda path: path.name)
def test_a_plugin_wants_this_core(directory: Path) -> None:
    assert "vac-core>=1.0,<2" in setup_cfg(directory)["options"]["install_requires"].split()
