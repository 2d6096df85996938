"""What this host can promise to machinetypes, and why it can promise nothing to some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vac_core.config.schema import MachineType
from vac_core.powers import Demand, Resources
from vac_docker.options import DockerPlugin, machine_options
from vac_docker.service import Service

GPUS: Final = "GPUs of [plugin docker]"


def promises(machinetypes: Sequence[MachineType], service: Service, plugin: DockerPlugin) -> Resources:
    """Count the GPUs, and ask images and CVMFS; nothing here waits."""
    wanted = {one.name: machine_options(one).gpus for one in machinetypes}
    refused = {one.name: service.refusal(one, plugin) for one in machinetypes}
    return Resources(
        capacity={GPUS: len(plugin.gpus)},
        demands={name: {GPUS: Demand(per_machine=count)} for name, count in wanted.items() if count},
        refusals={name: reason for name, reason in refused.items() if reason},
    )
