"""The values that everything else speaks of: machines, their states, their outcomes, and what factories report."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Final

import attrs

ABORT_FROM: Final = 300
"""Shutdown codes from here on mean that the machine found no work it could do: the machinetype backs off."""

SHUTDOWN_MESSAGE_MAX: Final = 512
"""Octets of a shutdown message that are read; a guest wrote it, so the rest is ignored."""

RETRY_MOST: Final = 86400
"""Seconds for which a machine may ask that no other of its machinetype is tried."""

_RETRY_AFTER = re.compile(r"\(retry after ([0-9]{1,9}) s\)\s*\Z", re.ASCII)
_SHUTDOWN_MESSAGE = re.compile(r"([1-9][0-9]{2})(?: ([^\r\n]*))?(?:[\r\n]|\Z)")


class MachineState(enum.StrEnum):
    """Where a machine stands in its life."""

    PLANNED = "planned"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    ENDED = "ended"
    CLEARED = "cleared"


class Happening(enum.StrEnum):
    """What can happen to a machine."""

    CREATED = "created"
    CREATION_FAILED = "creation_failed"
    SEEN_RUNNING = "seen_running"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    GONE = "gone"
    CLEARED = "cleared"


_S, _H = MachineState, Happening

TRANSITIONS: Final[Mapping[tuple[MachineState, Happening], MachineState]] = {
    (_S.PLANNED, _H.CREATED): _S.STARTING,
    (_S.PLANNED, _H.CREATION_FAILED): _S.ENDED,
    (_S.PLANNED, _H.GONE): _S.ENDED,
    (_S.STARTING, _H.SEEN_RUNNING): _S.RUNNING,
    (_S.STARTING, _H.STOP): _S.STOPPING,
    (_S.STARTING, _H.GONE): _S.ENDED,
    (_S.RUNNING, _H.PAUSE): _S.PAUSED,
    (_S.RUNNING, _H.STOP): _S.STOPPING,
    (_S.RUNNING, _H.GONE): _S.ENDED,
    (_S.PAUSED, _H.RESUME): _S.RUNNING,
    (_S.PAUSED, _H.STOP): _S.STOPPING,
    (_S.PAUSED, _H.GONE): _S.ENDED,
    (_S.STOPPING, _H.GONE): _S.ENDED,
    (_S.ENDED, _H.CLEARED): _S.CLEARED,
}
"""The whole life cycle. A pair that is not here cannot happen; the documentation's diagram is drawn from this table."""

ALIVE: Final = frozenset({_S.PLANNED, _S.STARTING, _S.RUNNING, _S.PAUSED, _S.STOPPING})
"""States in which a machine holds its slot and its processors."""


@attrs.frozen
class Outcome:
    """How a machine ended: a code of three digits and a text (HSF-TN-2016-04, section 4); no code if it left none."""

    code: int | None
    text: str = ""

    @property
    def is_abort(self) -> bool:
        """Whether the machine found nothing it could do, so that its machinetype must back off."""
        return self.code is not None and self.code >= ABORT_FROM

    @property
    def retry_after(self) -> int:
        """For how many seconds an aborted machine asks not to be tried again, by ``(retry after N s)`` at the end of
        its text; 0 where it does not, and never more than `RETRY_MOST`."""
        found = _RETRY_AFTER.search(self.text) if self.is_abort else None
        return min(int(found[1]), RETRY_MOST) if found else 0

    def __str__(self) -> str:
        if self.code is None:
            return self.text
        return f"{self.code} {self.text}" if self.text else str(self.code)

    @classmethod
    def from_shutdown_message(cls, raw: bytes | str | None) -> Outcome:
        """Read what a guest left as its shutdown message; without a valid code the outcome has none."""
        if raw is None:
            return cls(None)
        if isinstance(raw, bytes):
            raw = raw[:SHUTDOWN_MESSAGE_MAX].decode("utf-8", "replace")
        match = _SHUTDOWN_MESSAGE.match(raw[:SHUTDOWN_MESSAGE_MAX])
        if match is None:
            return cls(None)
        printable = "".join(character for character in match[2] or "" if character.isprintable())
        return cls(int(match[1]), printable)


@attrs.frozen(kw_only=True)
class Machine:
    """One machine of this factory, as the journal knows it. Times are Unix seconds."""

    id: str
    """UUID in its text form; the job_id of its features and the uuid of VacQuery."""
    name: str
    """The slot's host name, such as ``wn01-00.example.org``."""
    slot: int
    machinetype: str
    machine_model: str
    hypervisor: str
    processors: int
    hs06_per_processor: float = 1.0
    memory_bytes: int = 0
    state: MachineState = MachineState.PLANNED
    created: float
    shutdown_time: float
    """When it must have ended."""
    started: float | None = None
    heartbeat: float | None = None
    """When its hypervisor last saw it running, or its heartbeat file last changed."""
    stop_deadline: float | None = None
    """When a stopping machine that is still there is destroyed."""
    ended: float | None = None
    cpu_seconds: float = 0.0
    cpu_percentage: float | None = None
    """Its use of late, above 100 where it has several processors; None where that is not known."""
    progress: float | None = None
    """How much of its work is done by its own word, from 0 to 1; None where it does not tell."""
    outcome: Outcome | None = None
    fqan: str = ""
    token: str = attrs.field(default="", repr=False)
    """The secret part of its URLs."""
    details: Mapping[str, str] = attrs.field(factory=dict)
    """What its hypervisor and contextualiser want kept with it, such as an image digest."""

    @property
    def alive(self) -> bool:
        """Whether it holds its slot."""
        return self.state in ALIVE

    @property
    def hs06(self) -> float:
        """Benchmark power of all its processors."""
        return self.processors * self.hs06_per_processor


@attrs.frozen(kw_only=True)
class TypeReport:
    """What one factory says of one machinetype: its running power and how its latest machine ended."""

    machinetype: str
    running_hs06: float = 0.0
    running_machines: int = 0
    running_processors: int = 0
    num_before_fizzle: int = 0
    """Machines that started so recently that they may yet fizzle."""
    outcome: Outcome | None = None
    shutdown_time: float | None = None
    shutdown_machine: str | None = None
    fqan: str = ""
    max_processors: int | None = None
    min_processors: int | None = None
    max_wallclock_seconds: int | None = None
    min_wallclock_seconds: int | None = None
    bytes_per_processor: int | None = None


@attrs.frozen(kw_only=True)
class FactoryReport:
    """The latest that is known of one factory of the space, our own included."""

    factory: str
    received: float
    types: Mapping[str, TypeReport]


@attrs.frozen(kw_only=True)
class Capacity:
    """What the host offers and how loaded it is."""

    processors: int
    memory_bytes: int = 0
    load_averages: tuple[float, float, float] = (0.0, 0.0, 0.0)
    disk_free_bytes: int | None = None
    """Free space where machines' files are kept; None where it is not known."""


class HealthState(enum.StrEnum):
    """Whether a backend can be used on this host."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNUSABLE = "unusable"


@attrs.frozen
class Health:
    """A backend's own word on this host: its state, what it found, and the mend where something is wrong."""

    state: HealthState = HealthState.HEALTHY
    found: str = ""
    mend: str = ""


class EventKind(enum.StrEnum):
    """Kinds of journalled events."""

    MACHINE = "machine"
    FACTORY = "factory"


@attrs.frozen(kw_only=True)
class Event:
    """One line of the journal, as observers are told of it."""

    seq: int
    time: float
    kind: EventKind
    what: str
    """The happening of a machine, or the name of a factory's event such as ``draining``."""
    reason: str = ""
    machine: Machine | None = None
    """The machine as it was after the event."""
