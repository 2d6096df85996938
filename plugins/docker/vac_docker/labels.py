"""Labels by which our containers, volumes and images are known; anything else on the engine is never touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vac_core.interfaces import Home
from vac_core.model import Machine

SPACE: Final = "vac.space"
FACTORY: Final = "vac.factory"
SLOT: Final = "vac.slot"
MACHINE: Final = "vac.machine"
MACHINETYPE: Final = "vac.machinetype"


def factory_labels(home: Home) -> dict[str, str]:
    """What is on all that is a factory's own."""
    return {SPACE: home.space, FACTORY: home.factory}


def machine_labels(home: Home, machine: Machine) -> dict[str, str]:
    """What is on all that is a machine's own."""
    return {
        **factory_labels(home),
        MACHINE: machine.id,
        SLOT: str(machine.slot),
        MACHINETYPE: machine.machinetype,
    }


def label_filter(labels: Mapping[str, str]) -> dict[str, list[str]]:
    """As the API wants to be asked for things that have all these labels."""
    return {"label": [f"{name}={value}" for name, value in sorted(labels.items())]}


def has(found: Mapping[str, str] | None, wanted: Mapping[str, str]) -> bool:
    """Whether labels that were found hold all that are wanted."""
    return all((found or {}).get(name) == value for name, value in wanted.items())
