"""What a started hypervisor works with."""

from __future__ import annotations

from pathlib import Path

import attrs

from vac_core.interfaces import Home
from vac_libvirt.acceleration import Accelerator
from vac_libvirt.assembly import Parts
from vac_libvirt.connection import Connection
from vac_libvirt.domains import Domains
from vac_libvirt.mark import Mark
from vac_libvirt.options import LibvirtPlugin, plugin_options
from vac_libvirt.record import Records


@attrs.frozen(kw_only=True)
class Works:
    """The parts of one factory's hypervisor."""

    home: Home
    owner: Mark
    """The mark of its domains, without a machine."""
    connection: Connection
    domains: Domains
    records: Records
    parts: Parts
    accelerator: Accelerator

    @property
    def options(self) -> LibvirtPlugin:
        """The [plugin libvirt] section as it is now."""
        return plugin_options(self.home.options())

    def disk_directory(self, machine_id: str) -> Path:
        """A machine's own directory for files that QEMU reads."""
        return self.options.machines_directory / machine_id
