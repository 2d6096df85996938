"""Putting a hypervisor together when its factory starts it."""

from __future__ import annotations

from typing import Final

import attrs

from vac_core.interfaces import Home, PluginError
from vac_libvirt.acceleration import Accelerator
from vac_libvirt.assembly import assemble
from vac_libvirt.clearing import clear
from vac_libvirt.connection import Connection
from vac_libvirt.creation import Creation
from vac_libvirt.domains import Domains
from vac_libvirt.mark import Mark
from vac_libvirt.options import plugin_options
from vac_libvirt.record import Records
from vac_libvirt.upkeep import Upkeep
from vac_libvirt.watching import Watching
from vac_libvirt.works import Works

PATIENCE_SECONDS: Final = 20.0
"""How long the start of a factory waits for libvirt; it goes on without, and refuses to make machines meanwhile."""


@attrs.frozen
class Running:
    """A hypervisor at work."""

    works: Works
    creation: Creation
    watching: Watching
    upkeep: Upkeep

    def destroy(self, machine_id: str) -> None:
        """End a machine and take away all that was made for it."""
        if (record := self.works.records.of(machine_id)) is not None:
            clear(self.works, record)


def begin(home: Home) -> Running:
    """Put it together, and connect to libvirt. Raises `PluginError` where its state cannot be kept."""
    owner = Mark(space=home.space, factory=home.factory)
    records = Records(home.state_dir / "machines")
    try:
        records.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        records.tidy()
    except OSError as problem:
        raise PluginError(
            f"{problem.filename}: {problem.strerror}: make it a directory the factory may write"
        ) from problem
    watching = Watching(records, owner)
    connection = Connection(plugin_options(home.options()).uri, lifecycle=watching.lifecycle)
    works = Works(
        home=home,
        owner=owner,
        connection=connection,
        domains=Domains(connection, owner),
        records=records,
        parts=assemble(home, connection, watching.news),
        accelerator=Accelerator(home.state_dir / "kvm", lambda: plugin_options(home.options()).virt_type),
    )
    upkeep = Upkeep(works, watching)
    connection.start(PATIENCE_SECONDS, opened=upkeep.opened, upkeep=upkeep.again)
    return Running(works, Creation(works), watching, upkeep)
