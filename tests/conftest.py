"""Fixtures of all tests."""

from vac_core.testing.fixtures import space

__all__ = ["space"]
