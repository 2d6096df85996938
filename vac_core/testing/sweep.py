"""For kits that start real daemons: ending the machines that a daemon which is gone has left."""

from __future__ import annotations

from pathlib import Path

import attrs

from vac_core.builtin.process import ProcessHypervisor
from vac_core.factory.state_dir import StateDir
from vac_core.testing.makers import home


def sweep(state_dir: Path) -> None:
    """Destroy every ``process`` machine below a state directory whose daemon does not run any more."""
    state = StateDir(state_dir)
    own = state.plugin("hypervisor", ProcessHypervisor.name)
    if not own.is_dir():
        return
    hypervisor = ProcessHypervisor()
    hypervisor.start(attrs.evolve(home(state_dir), state_dir=own, machines_dir=state.machines))
    try:
        for observed in hypervisor.list_machines():
            hypervisor.destroy(observed.machine_id)
    finally:
        hypervisor.stop()
