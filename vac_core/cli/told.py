"""Frames of factories that are known only by what they tell over VacQuery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from vac_core.config.schema import MachineType
from vac_core.vacquery.messages import FactoryStatus, MachineStatus

if TYPE_CHECKING:
    from vac_core.cli.top import Frame

_STATES: Final[Mapping[str, str]] = {"Starting": "starting", "Running": "running", "Paused": "paused"}
"""VacQuery's words for machines that hold a slot, and Vac's own."""


def told_frames(factories: Iterable[FactoryStatus], machines: Iterable[MachineStatus]) -> list[Frame]:
    """A frame for each factory that told of itself; `vac_core.cli.top` says what a frame is."""
    by_factory: dict[str, list[dict[str, Any]]] = {}
    for one in machines:
        if one.state in _STATES:
            by_factory.setdefault(one.factory, []).append(_machine(one))
    return [_frame(one, by_factory.get(one.factory, [])) for one in factories]


def told_totals(frames: Iterable[Frame], machinetypes: Mapping[str, MachineType]) -> dict[str, dict[str, Any]]:
    """What the space runs of each machinetype, added up from all factories' frames, as a status document has it."""
    totals = {name: _total(one.target_share) for name, one in machinetypes.items()}
    for machine in (machine for frame in frames for machine in frame["machines"]):
        total = totals.setdefault(machine["machinetype"], _total(None))
        total["running_hs06"] += machine["hs06"]
        total["running_machines"] += 1
        total["num_before_fizzle"] += machine["state"] == "starting"
    return totals


def _total(target_share: float | None) -> dict[str, Any]:
    return {"target_share": target_share, "running_hs06": 0.0, "running_machines": 0, "num_before_fizzle": 0}


def _machine(one: MachineStatus) -> dict[str, Any]:
    return {
        "name": one.machine,
        "machinetype": one.machinetype or "",
        "state": _STATES[one.state],
        "processors": one.num_processors,
        "hs06": one.hs06,
    }


def _frame(factory: FactoryStatus, machines: list[dict[str, Any]]) -> Frame:
    busy = sum(one["processors"] for one in machines)
    return {
        "factory": factory.factory,
        "space": factory.space,
        "now": factory.time_sent,
        "version": factory.daemon_version,
        "load_averages": [factory.load_average],
        "capacity": {
            "processors": factory.max_processors,
            "busy": busy,
            "free": max(0, factory.max_processors - busy),
        },
        "machines": machines,
    }
