"""Ready-made values for tests: each has sensible contents, and takes what a test wants different by name."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from vac_core.config.schema import MachineType, Settings
from vac_core.interfaces import Context, ContextRequest, CreateRequest, Features, Home, PluginError, SpaceView, Urls
from vac_core.model import Capacity, FactoryReport, Machine, MachineState, TypeReport
from vac_core.powers import SHARED
from vac_core.situation import Situation, TypeTotals

NOW: Final = 1_700_000_000.0
"""The time at which ready-made values stand, in Unix seconds."""

FACTORY: Final = "wn01.example.org"
SPACE: Final = "vac01.example.org"
SHELL_USER_DATA: Final = b"#!/bin/sh\nexit 0\n"
"""The smallest user_data: a program that ends at once, content with itself."""


def settings(**changes: Any) -> Settings:
    """Settings of a factory of the space ``vac01.example.org``."""
    return Settings(**{"vac_space": SPACE, **changes})


def machinetype(name: str = "lhcb", **changes: Any) -> MachineType:
    """A machinetype with a share, for machines of the model ``fake``."""
    return MachineType(
        **{"name": name, "target_share": 1.0, "machine_model": "fake", "user_data": "user_data", **changes}
    )


def machine(slot: int = 0, **changes: Any) -> Machine:
    """A machine with an id of its own that has run for an hour in one slot of ``wn01.example.org``.

    With ``state=`` one may have it otherwise; it has a start time unless it is planned or starting.
    """
    state = changes.get("state", MachineState.RUNNING)
    begun = state not in {MachineState.PLANNED, MachineState.STARTING}
    made = {
        "id": str(uuid.uuid4()),
        "name": f"wn01-{slot:02}.example.org",
        "slot": slot,
        "machinetype": "lhcb",
        "machine_model": "fake",
        "hypervisor": "fake",
        "processors": 1,
        "state": state,
        "created": NOW - 3600.0,
        "started": NOW - 3600.0 if begun else None,
        "shutdown_time": NOW + 82800.0,
        "token": uuid.uuid4().hex,
    }
    return Machine(**{**made, **changes})


def situation(machinetypes: Iterable[MachineType] | None = None, **changes: Any) -> Situation:
    """An idle factory of 8 processors with the machinetypes given, else ``lhcb`` alone; nothing runs in the space."""
    known = {one.name: one for one in ([machinetype()] if machinetypes is None else machinetypes)}
    made: dict[str, Any] = {
        "now": NOW,
        "factory": FACTORY,
        "settings": settings(),
        "machinetypes": known,
        "totals": {name: TypeTotals() for name in known},
        "capacity": Capacity(processors=8, memory_bytes=32 * 2**30),
    }
    return Situation(**{**made, **changes})


def home(directory: Path, *, factory: str = FACTORY, options: Any = None, **changes: Any) -> Home:
    """A home below an empty directory, for an object that a test starts by itself; ``changes`` are of the settings."""
    state_dir, machines_dir = directory / "state", directory / "machines"
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    machines_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = settings(**changes)
    return Home(
        state_dir=state_dir,
        machines_dir=machines_dir,
        factory=factory,
        space=now.vac_space,
        settings=lambda: now,
        options=lambda: options,
    )


def context(of: Machine, **changes: Any) -> Context:
    """The smallest context of a machine: a program that ends at once."""
    return Context(**{"machine_id": of.id, "hostname": of.name, "user_data": SHELL_USER_DATA, **changes})


def context_request(of: Machine | None = None, of_type: MachineType | None = None, **changes: Any) -> ContextRequest:
    """A request for a context; its ``fetch`` finds nothing."""
    made: dict[str, Any] = {
        "machine": of or machine(),
        "machinetype": of_type or machinetype(),
        "settings": settings(),
        "features": Features(machinefeatures={"total_cpu": "1"}, jobfeatures={"allocated_cpu": "1"}),
        "urls": Urls(machinefeatures="/m/machinefeatures", jobfeatures="/m/jobfeatures", joboutputs="/m/joboutputs"),
        "fetch": _finds_nothing,
    }
    return ContextRequest(**{**made, **changes})


def _finds_nothing(url: str) -> bytes:
    raise PluginError(f"{url}: nothing is served here: give the test's own fetch")


def create_request(
    at: Home, of: Machine | None = None, of_type: MachineType | None = None, **changes: Any
) -> CreateRequest:
    """A request to create a machine, with its directory made and filled below ``at.machines_dir``.

    ``changes`` are of its context.
    """
    made = of or machine()
    directory = at.machines_dir / made.id
    for name in ("machinefeatures", "jobfeatures", "joboutputs"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    given = context(made, **changes)
    if given.shared is not None:
        (directory / SHARED).mkdir()
        for name, content in given.shared.items():
            (directory / SHARED / name).write_bytes(content)
    return CreateRequest(
        machine=made,
        machinetype=of_type or machinetype(made.machinetype, machine_model=made.machine_model),
        settings=at.settings(),
        context=given,
        directory=directory,
    )


def factory_report(factory: str = "wn02.example.org", **types: TypeReport | float) -> FactoryReport:
    """What one factory reports: each machinetype by name, whole or as its running power alone."""
    return FactoryReport(
        factory=factory,
        received=NOW,
        types={
            name: one if isinstance(one, TypeReport) else TypeReport(machinetype=name, running_hs06=one)
            for name, one in types.items()
        },
    )


def space_view(factory: str = FACTORY, **types: TypeReport | float) -> SpaceView:
    """A factory's own state, as its peer finders hand it out."""
    return SpaceView(own=factory_report(factory, **types), machines=(), site="example.org", status={})
