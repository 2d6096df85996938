"""Parts for machines that need nothing: no disks but a kernel, no context."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vac_core.config.schema import MachineType, Settings
from vac_core.interfaces import CreateRequest
from vac_core.powers import Resources
from vac_libvirt.options import machine_options
from vac_libvirt.parts import Delivered, Storage


class PlainDisks:
    """None."""

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """Nothing is wrong."""
        del machinetype
        return ()

    def make(self, request: CreateRequest, directory: Path) -> Storage:
        """The kernel and initrd where they are."""
        del directory
        options = machine_options(request.machinetype)
        return Storage(kernel=options.kernel or "", initrd=options.initrd or "")

    def clear(self, machine_id: str, directory: Path) -> None:
        """Nothing is there."""

    def resources(self, machinetypes: Sequence[MachineType], settings: Settings) -> Resources:
        """Nothing is needed."""
        del machinetypes, settings
        return Resources()

    def upkeep(self) -> None:
        """Nothing is old."""


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
