"""What a machine's limits are, from the options that bear on it."""

from __future__ import annotations

from vac_core.builtin.process.options import machine_options
from vac_core.config.schema import MachineType, Settings
from vac_core.model import Machine
from vac_core.supervision.limits import Limits

_MIB = 1048576
_GB = 10**9


def limits_of(machine: Machine, machinetype: MachineType, settings: Settings) -> Limits:
    """The limits of one machine."""
    wanted = machine_options(machinetype)
    memory = machine.memory_bytes or machine.processors * machinetype.bytes_per_processor(settings)
    disk_gb = machinetype.disk_gb_per_processor or settings.disk_gb_per_processor
    granted = disk_gb * _GB * machine.processors
    return Limits(
        niceness=wanted.process_niceness,
        memory_bytes=memory if wanted.process_memory == "auto" else None,
        address_space_bytes=memory if wanted.process_memory == "address_space" else None,
        file_size_bytes=granted if wanted.process_file_size_mb is None else wanted.process_file_size_mb * _MIB,
        open_files=wanted.process_open_files,
        processes=wanted.process_count,
        processors=machine.processors,
        cpu_weight=machinetype.cpu_weight,
    )
