"""Devices and GPUs of the host, and how lists of names come back from JSON."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen
class Device:
    """A device of the host, and where and how a container has it."""

    path: str
    inside: str
    may: str = "rwm"
    """Any of r, w and m: read, write, make with mknod(2)."""

    def __str__(self) -> str:
        return f"{self.path}:{self.inside}:{self.may}"


@attrs.frozen
class Gpu:
    """One GPU to lend: an id that NVIDIA's runtime knows, or the devices that it consists of."""

    name: str
    """As it stands in the site file."""

    @property
    def devices(self) -> tuple[Device, ...]:
        """Its devices, where it is named by them."""
        parts = self.name.split("+") if self.name.startswith("/") else []
        return tuple(Device(part, part, "rw") for part in parts)

    def __str__(self) -> str:
        return self.name


def names(found: Iterable[str]) -> tuple[str, ...]:
    """A list that was written as JSON, as the tuple that it was."""
    return tuple(found)
