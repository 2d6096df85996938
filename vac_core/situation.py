"""What a decision knows, and what policies answer: plain values, the time among them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import attrs

from vac_core.config.schema import MachineType, Settings
from vac_core.model import Capacity, Machine, MachineState, Outcome
from vac_core.powers import Resources


@attrs.frozen(kw_only=True)
class Abort:
    """The latest abort of a machinetype in the space: when, where, and what its machine said."""

    time: float
    factory: str
    outcome: Outcome


@attrs.frozen(kw_only=True)
class TypeTotals:
    """One machinetype over the whole space, as far as factories answered."""

    running_hs06: float = 0.0
    running_machines: int = 0
    num_before_fizzle: int = 0
    last_abort: Abort | None = None


@attrs.frozen(kw_only=True)
class Situation:
    """Everything a decision may look at. It reads nothing else: no clock, socket, file or global."""

    now: float
    factory: str
    settings: Settings
    machinetypes: Mapping[str, MachineType]
    """Those that could be started; disabled ones stand in `disabled`."""
    disabled: Mapping[str, str] = attrs.field(factory=dict)
    """Machinetypes that may not be started now, each with the reason."""
    machines: tuple[Machine, ...] = ()
    """This factory's machines that are alive, with those that this very decision has already chosen."""
    totals: Mapping[str, TypeTotals] = attrs.field(factory=dict)
    """Each machinetype over the space, our own machines and those already chosen included."""
    factories_heard: int = 1
    capacity: Capacity
    resources: Resources = attrs.field(factory=Resources)
    """What there is only so much of beside processors and memory, over all hypervisors."""
    draining: bool = False
    drain_until: float | None = None
    """By when every machine must have ended; None lets each live out its time."""
    shutdown_time: float | None = None
    """No machine may outlive this."""

    @property
    def busy_processors(self) -> int:
        """Processors held by machines that are alive."""
        return sum(machine.processors for machine in self.machines)

    @property
    def held_memory_bytes(self) -> int:
        """Memory held by machines that are alive."""
        return sum(machine.memory_bytes for machine in self.machines)

    def processors_for(self, memory_bytes: int) -> dict[str, int]:
        """By machinetype: for how many processors so much memory is enough."""
        each = {name: one.bytes_per_processor(self.settings) for name, one in self.machinetypes.items()}
        return {name: memory_bytes // octets for name, octets in each.items() if octets}

    @property
    def free_processors(self) -> int:
        """Processors that no machine holds; never negative."""
        return max(0, self.capacity.processors - self.busy_processors)

    @property
    def starting(self) -> int:
        """Machines that are planned or starting."""
        return sum(machine.state in {MachineState.PLANNED, MachineState.STARTING} for machine in self.machines)


@attrs.frozen(kw_only=True)
class Veto:
    """Why a machinetype may not start now; a host-wide veto names no machinetype."""

    reason: str
    machinetype: str | None = None
    until: float | None = None
    """When the veto ends by itself, where that can be foretold."""
    policy: str = ""


@attrs.frozen(kw_only=True)
class Rank:
    """How much a machinetype is to be preferred: the lowest rank goes first. Always finite."""

    machinetype: str
    value: float
    reason: str
    policy: str = ""


class Wish(enum.StrEnum):
    """What a policy may ask for a running machine."""

    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    CAP = "cap"
    """Hold its use of its processors down."""


WISHED: Final = "wished"
"""Detail of a machine: the latest wish for it that was carried out, so that its pause is known to be meant."""
WISHED_WHY: Final = "wished_why"
"""Detail of a machine: whose wish that was, and why."""
CANNOT: Final = "cannot"
"""Detail of a machine: a wish that its hypervisor has no power to carry out, for policies that have another."""


@attrs.frozen(kw_only=True)
class Ask:
    """A policy's wish for one running machine, with its reason."""

    machine_id: str
    wish: Wish
    reason: str
    policy: str = ""
    part: float | None = None
    """Of `Wish.CAP`: the part of its processors' time that it may use, above 0 and up to 1; None for all of it."""


@attrs.frozen(kw_only=True)
class Verdicts:
    """A policy's whole answer."""

    vetoes: tuple[Veto, ...] = ()
    ranks: tuple[Rank, ...] = ()
    asks: tuple[Ask, ...] = ()
    most_starts: int | None = None
    """Most machines that may be started in this one pass."""
    most_processors: Mapping[str, int] = attrs.field(factory=dict)
    """By machinetype: most processors that its next machine may have, where it could do with fewer than are free. One
    that needs more is to be vetoed, with the reason."""
    end: float | None = None
    """When all machines must have ended, such as when a host is lent out no longer; Unix seconds."""
