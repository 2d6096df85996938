"""Parts for machines that need nothing: no context."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest
from vac_libvirt.parts import Delivered


class PlainDelivery:
    """None."""

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """Nothing is wrong."""
        del machinetype
        return ()

    def deliver(self, request: CreateRequest, directory: Path) -> Delivered:
        """Nothing."""
        del request, directory
        return Delivered()
