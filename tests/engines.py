"""What a test needs of the host and the host may lack."""

from __future__ import annotations

import importlib
import os
from typing import Any, NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test with its reason on somebody's laptop; in CI, where nothing may be skipped, let it fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


def needed(package: str) -> Any:
    """A package that a test needs; without it the test is `missing` something, which in CI is a failure."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        missing(f"the package {package} cannot be imported: {error}")
