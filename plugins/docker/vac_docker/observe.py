"""What can be seen of machines, from an engine's answers and the records on disk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from signal import Signals
from typing import Any, Final

import attrs

from vac_core.interfaces import Observed
from vac_docker.labels import MACHINE

RUNNING: Final = frozenset({"running", "paused", "restarting"})
ENDED: Final = frozenset({"exited", "dead", "removing", "stopped"})
UNFINISHED: Final = "its creation was not finished"
LOST: Final = "its container is gone: somebody else removed it, or the engine lost it"
OUT_OF_MEMORY: Final = "out of memory"
_BY_SIGNAL: Final = 128
_EXITS: Final = {
    125: "the engine could not run its program",
    126: "its program may not be executed (exit code 126)",
    127: "its program, or the interpreter that this names, is not in its image (exit code 127)",
}


@attrs.frozen(kw_only=True)
class Seen:
    """A container of ours, as the engine lists it."""

    container_id: str
    name: str
    state: str
    """Docker's word for it: created, running, paused, restarting, removing, exited, dead."""
    labels: Mapping[str, str]

    @property
    def machine_id(self) -> str:
        """Whose it is."""
        return self.labels.get(MACHINE, "")

    @property
    def ended(self) -> bool:
        """Whether it has run and runs no more."""
        return self.state in ENDED

    @classmethod
    def of(cls, listed: Mapping[str, Any]) -> Seen:
        """Read one entry of ``/containers/json``."""
        names = listed.get("Names") or [""]
        return cls(
            container_id=str(listed.get("Id", "")),
            name=str(names[0]).lstrip("/"),
            state=str(listed.get("State", "")).lower(),
            labels=listed.get("Labels") or {},
        )


@attrs.frozen(kw_only=True)
class Ending:
    """How a container ended."""

    exit_code: int | None = None
    note: str = ""

    @classmethod
    def of(cls, inspected: Mapping[str, Any]) -> Ending:
        """Read the ``State`` of ``/containers/ID/json``."""
        state = inspected.get("State") or {}
        code = state.get("ExitCode")
        known = int(code) if isinstance(code, int) else None
        if state.get("OOMKilled"):
            return cls(exit_code=known, note=OUT_OF_MEMORY)
        return cls(exit_code=known, note=str(state.get("Error") or "") or _words(known))


def _words(code: int | None) -> str:
    if code in _EXITS:
        return _EXITS[code]
    if code is None or code - _BY_SIGNAL not in set(Signals):
        return ""
    return f"its program was ended by {Signals(code - _BY_SIGNAL).name}"


def observe(
    seen: Iterable[Seen],
    recorded: Iterable[str],
    creating: Collection[str],
    endings: Mapping[str, Ending],
    cpu_seconds: Mapping[str, float],
) -> list[Observed]:
    """Each machine that has a container or a record; ``endings`` and ``cpu_seconds`` are by the machine's id."""
    found = {one.machine_id: one for one in seen}
    every = dict.fromkeys([*recorded, *found])
    return [
        _observed(machine_id, found.get(machine_id), machine_id in creating, endings, cpu_seconds)
        for machine_id in every
    ]


def _observed(
    machine_id: str,
    seen: Seen | None,
    in_creation: bool,
    endings: Mapping[str, Ending],
    cpu_seconds: Mapping[str, float],
) -> Observed:
    used = cpu_seconds.get(machine_id)
    if seen is not None and seen.state in RUNNING:
        paused = seen.state == "paused"
        return Observed(machine_id=machine_id, running=True, paused=paused, cpu_seconds=used)
    if seen is not None and seen.ended:
        ending = endings.get(machine_id, Ending())
        return Observed(
            machine_id=machine_id,
            running=False,
            ended=True,
            cpu_seconds=used,
            exit_code=ending.exit_code,
            note=ending.note,
        )
    if in_creation:
        return Observed(machine_id=machine_id, running=False)
    note = UNFINISHED if seen is not None else LOST
    return Observed(machine_id=machine_id, running=False, ended=True, cpu_seconds=used, note=note)
