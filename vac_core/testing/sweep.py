"""For kits that start real daemons: ending the machines that a daemon which is gone has left."""

from __future__ import annotations

from pathlib import Path

import attrs

from vac_core.builtin.process import ProcessHypervisor
from vac_core.factory.state_dir import StateDir
from vac_core.interfaces import Hypervisor
from vac_core.testing.makers import home


def sweep(state_dir: Path, hypervisor: Hypervisor | None = None) -> None:
    """Destroy every machine of a hypervisor, which is ``process`` where none is given, whose daemon is gone.

    ``state_dir`` is the factory's. A hypervisor that needs options of its plugin's section cannot be swept with.
    """
    swept = hypervisor or ProcessHypervisor()
    state = StateDir(state_dir)
    own = state.plugin("hypervisor", swept.name)
    if not own.is_dir():
        return
    swept.start(attrs.evolve(home(state_dir), state_dir=own, machines_dir=state.machines))
    try:
        for observed in swept.list_machines():
            swept.destroy(observed.machine_id)
    finally:
        swept.stop()
