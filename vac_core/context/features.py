"""Machine/Job Features of a machine: its keys, values and units (HSF-TN-2016-02)."""

from __future__ import annotations

import re
from typing import Final

from vac_core.config.schema import MachineType, Settings
from vac_core.interfaces import Features
from vac_core.model import Machine

MACHINE_SHUTDOWNTIME: Final = "shutdowntime"
JOB_SHUTDOWNTIME: Final = "shutdowntime_job"

KEY: Final = re.compile(r"[A-Za-z0-9_]{1,128}")
"""What a key may be called. The note wants lower case; two keys from before it have capitals."""

_MB: Final = 1000000
_GB: Final = 1000000000


def features(
    machine: Machine,
    machinetype: MachineType,
    settings: Settings,
    *,
    host_processors: int,
    host_hs06: float | None,
    now: float,
) -> Features:
    """Every key that is known of a machine that is about to start.

    In the note's words the host is the machine and the machine is the job: ``total_cpu`` and ``hs06`` are the host's.
    ``host_hs06`` is None where the site gives no benchmark; hs06 keys are then left out, as the note asks.
    ``max_swap_bytes`` is left out because Vac limits no swap. Values have no newline.
    """
    end = int(min(machine.shutdown_time, settings.shutdown_time or machine.shutdown_time))
    machine_keys = {
        "total_cpu": str(host_processors),
        MACHINE_SHUTDOWNTIME: str(end),
        "grace_secs": str(machinetype.grace_seconds),
    }
    job_keys = _job_keys(machine, end, now) | _job_limits(machine, machinetype, settings)
    if host_hs06 is not None:
        machine_keys["hs06"] = str(float(host_hs06))
        job_keys["hs06_job"] = str(float(machine.hs06))
    if settings.deprecated_features:
        machine_keys |= _old_machine_keys(machine)
        job_keys |= _old_job_keys(job_keys)
    machine_keys |= {name: text for name, text in settings.machinefeatures_option.items() if KEY.fullmatch(name)}
    return Features(machinefeatures=machine_keys, jobfeatures=job_keys)


def _job_keys(machine: Machine, end: int, now: float) -> dict[str, str]:
    wall = max(0, end - int(now))
    return {
        "allocated_cpu": str(machine.processors),
        JOB_SHUTDOWNTIME: str(end),
        "jobstart_secs": str(int(now)),
        "job_id": machine.id,
        "wall_limit_secs": str(wall),
        "cpu_limit_secs": str(wall * machine.processors),
    }


def _job_limits(machine: Machine, machinetype: MachineType, settings: Settings) -> dict[str, str]:
    memory = machine.memory_bytes or machine.processors * machinetype.bytes_per_processor(settings)
    scratch_gb = machinetype.disk_gb_per_processor or settings.disk_gb_per_processor
    return {
        "grace_secs_job": str(machinetype.grace_seconds),
        "max_rss_bytes": str(memory),
        "scratch_limit_bytes": str(scratch_gb * machine.processors * _GB),
    }


def _old_machine_keys(machine: Machine) -> dict[str, str]:
    return {"phys_cores": str(machine.processors), "log_cores": str(machine.processors), "jobslots": "1"}


def _old_job_keys(job_keys: dict[str, str]) -> dict[str, str]:
    return {
        "cpufactor_lrms": "1.0",
        "cpu_limit_secs_lrms": job_keys["cpu_limit_secs"],
        "wall_limit_secs_lrms": job_keys["wall_limit_secs"],
        "mem_limit_MB": str(int(job_keys["max_rss_bytes"]) // _MB),
        "allocated_CPU": job_keys["allocated_cpu"],
    }
