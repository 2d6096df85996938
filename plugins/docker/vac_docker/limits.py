"""What a machine's limits are, in the engine's units, from the options that bear on it."""

from __future__ import annotations

from typing import Final

import attrs

from vac_core.config.schema import MachineType, Settings
from vac_core.model import Machine
from vac_docker.options import machine_options

CPU_PERIOD_US: Final = 100_000
_LEAST_QUOTA_US: Final = 1000
_SHARES: Final = 1024
_LEAST_SHARES: Final = 2
_MIB: Final = 1048576
_GB: Final = 10**9


@attrs.frozen(kw_only=True)
class Limits:
    """What the kernel holds a machine to; None where there is no limit."""

    cpu_shares: int
    cpu_quota: int | None
    """Microseconds of processor time in each `CPU_PERIOD_US`."""
    memory_bytes: int
    memory_and_swap_bytes: int
    processes: int
    open_files: int | None
    file_size_bytes: int
    scratch_bytes: int
    """For each of its tmp_binds, and for what it writes elsewhere, which share what it is granted alike."""


def limits_of(machine: Machine, machinetype: MachineType, settings: Settings) -> Limits:
    """The limits of one machine."""
    wanted = machine_options(machinetype)
    memory = machine.memory_bytes or settings.mb_per_processor * _MIB * machine.processors
    granted = scratch_granted(machine, machinetype, settings)
    places = len(machinetype.tmp_binds) + (not wanted.read_only_root)
    largest = wanted.container_file_size_mb
    return Limits(
        cpu_shares=max(_LEAST_SHARES, _SHARES * machine.processors * machinetype.cpu_weight // 100),
        cpu_quota=quota(machine.processors, None) if wanted.container_cpu == "quota" else None,
        memory_bytes=memory,
        memory_and_swap_bytes=memory + wanted.container_swap_mb * _MIB,
        processes=wanted.container_pids,
        open_files=wanted.container_open_files,
        file_size_bytes=granted if largest is None else largest * _MIB,
        scratch_bytes=granted // max(1, places),
    )


def scratch_granted(machine: Machine, machinetype: MachineType, settings: Settings) -> int:
    """Octets of scratch space that a machine is promised: what ``scratch_limit_bytes`` of its features says."""
    return (machinetype.disk_gb_per_processor or settings.disk_gb_per_processor) * _GB * machine.processors


def quota(processors: int, part: float | None) -> int:
    """Processor time in each period for this part of so many processors; all of it for None."""
    return max(_LEAST_QUOTA_US, int(CPU_PERIOD_US * processors * (1.0 if part is None else part)))
