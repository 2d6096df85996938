"""``host-limits``: nothing is started on a host that is draining, overloaded or short of disk, memory or time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vac_core.interfaces import Policy
from vac_core.model import MachineState
from vac_core.situation import Situation, Verdicts, Veto

MIB: Final = 1048576
LIGHTLY_USED_PROCESSORS: Final = 4
"""Up to so many running processors, the load is only weighed against the whole host, as Vac 3 did."""


class HostLimits(Policy):
    """Vetoes from the state of the host itself; the load and time rules are Vac 3's."""

    name = "host-limits"

    def judge(self, situation: Situation) -> Verdicts:
        """Veto everything, or the machinetypes for which time or memory is short."""
        host = [*overload(situation), *closing(situation), *_disk(situation)]
        left = _memory_left(situation)
        if left is None:
            return Verdicts(vetoes=(*host, *time_left(situation)))
        vetoes = (*host, *time_left(situation), *_memory(situation, left))
        sizes = {name: most for name, most in situation.processors_for(left).items() if most}
        return Verdicts(vetoes=vetoes, most_processors=sizes)


def overload(situation: Situation) -> Iterator[Veto]:
    """Whether the highest of the three load averages is above what the running, or all, processors warrant."""
    per_processor = situation.settings.overload_per_processor
    load = max(situation.capacity.load_averages)
    # Machines that this pass has just chosen have no part in the load yet.
    running = sum(one.processors for one in situation.machines if one.state is not MachineState.PLANNED)
    for processors, of_what, counts in (
        (running, "processors of running machines", running > LIGHTLY_USED_PROCESSORS),
        (situation.capacity.processors, "processors", True),
    ):
        limit = per_processor * processors
        if counts and load > limit:
            reason = f"the load average {load:.2f} is above {limit:.2f}: overload_per_processor {per_processor:g}"
            yield Veto(reason=f"{reason} for {processors} {of_what}")
            return


def closing(situation: Situation) -> Iterator[Veto]:
    """Whether the factory is draining or its shutdown time has passed."""
    if situation.draining:
        yield Veto(reason="this factory is draining")
    if situation.shutdown_time is not None and situation.now >= situation.shutdown_time:
        yield Veto(reason="this factory's shutdown_time has passed")


def time_left(situation: Situation) -> Iterator[Veto]:
    """Machinetypes for which too little time is left before the factory's shutdown time."""
    if situation.shutdown_time is None or situation.now >= situation.shutdown_time:
        return
    left = situation.shutdown_time - situation.now
    for name, machinetype in situation.machinetypes.items():
        if situation.now + machinetype.least_wallclock >= situation.shutdown_time:
            least = machinetype.least_wallclock
            yield Veto(
                machinetype=name,
                reason=f"needs {least} seconds and {left:.0f} are left before this factory's shutdown_time",
            )


def _disk(situation: Situation) -> Iterator[Veto]:
    free, least = situation.capacity.disk_free_bytes, situation.settings.min_disk_free_mb
    if free is not None and free < least * MIB:
        yield Veto(reason=f"{free // MIB} MiB of disk are free where machines are kept: min_disk_free_mb is {least}")


def _memory_left(situation: Situation) -> int | None:
    """Octets of memory that no machine holds, as far as machines may have it; None where the host's is not known."""
    overcommit = situation.settings.memory_overcommit
    if not situation.capacity.memory_bytes or not overcommit:
        return None
    return max(0, int(situation.capacity.memory_bytes * overcommit) - situation.held_memory_bytes)


def _memory(situation: Situation, left: int) -> Iterator[Veto]:
    """Machinetypes whose smallest machine would need more memory than is left."""
    for name, machinetype in situation.machinetypes.items():
        each = machinetype.bytes_per_processor(situation.settings)
        if (need := machinetype.min_processors * each) > left:
            yield Veto(
                machinetype=name,
                reason=f"needs {need // MIB} MiB of memory and {left // MIB} are left: mb_per_processor is"
                f" {each // MIB}",
            )
