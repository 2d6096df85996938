"""Pytest fixtures for plugin authors: import those you want into your ``conftest.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from vac_core.config.schema import MachineType
from vac_core.testing.space import VirtualSpace

MakeSpace = Callable[..., VirtualSpace]


@pytest.fixture
def space(tmp_path: Path) -> MakeSpace:
    """A function that makes a `VirtualSpace` from machinetypes and factories (host name to processors).

    Its further arguments are those of `VirtualSpace`; its files are in the test's own temporary directory.
    """

    def make(machinetypes: Iterable[MachineType], factories: Mapping[str, int], **more: Any) -> VirtualSpace:
        return VirtualSpace(tmp_path, machinetypes, factories, **more)

    return make
