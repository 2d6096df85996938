"""The options of the ``apptainer`` hypervisor, in machinetypes and in [plugin apptainer]."""

from __future__ import annotations

import attrs

from vac_core.config.read import decimal, integer, matching, optional
from vac_core.config.schema import MachineType
from vac_core.options import option

OPTION_SET = "apptainer"


@attrs.frozen(kw_only=True)
class ApptainerMachine:
    """Limits of machines that are containers of Apptainer."""

    apptainer_processes: int = option(
        "Processes and threads that a container may have, where the factory has the pids controller of cgroups; "
        "else of all that singularity_user runs.",
        integer(16),
        4096,
    )
    apptainer_file_size_mb: int | None = option(
        "Largest file it may write; what disk_gb_per_processor grants where it is not set.",
        optional(integer(1)),
        None,
        unit="MiB",
    )


@attrs.frozen(kw_only=True)
class ApptainerPlugin:
    """The [plugin apptainer] section."""

    program: str | None = option(
        "Path of the program; where it is not set, apptainer or else singularity as found in the factory's PATH.",
        optional(matching(r"/[^\0]*", "an absolute path, such as /usr/bin/apptainer")),
        None,
    )
    cgroup: str = option(
        "The cgroup (version 2) in which each container gets one of its own: auto for the factory's own cgroup where "
        "it may write there, no for none, or a path below /sys/fs/cgroup. Limits whose controllers are in version 1 "
        "are set there.",
        matching(r"auto|no|/sys/fs/cgroup(/[^/\0]+)*", "auto, no or a path below /sys/fs/cgroup"),
        "auto",
    )
    cvmfs_root: str = option(
        "Where this host has CVMFS mounted.", matching(r"/[^\0]*[^/\0]", "an absolute path, such as /cvmfs"), "/cvmfs"
    )
    cvmfs_seconds: float = option(
        "How long a CVMFS repository may take to answer.", decimal(0.1, 600.0), 20.0, unit="seconds"
    )


def machine_options(machinetype: MachineType) -> ApptainerMachine:
    """What a machinetype says of its containers, or the defaults."""
    found = machinetype.plugin_options.get(OPTION_SET)
    return found if isinstance(found, ApptainerMachine) else ApptainerMachine()


def plugin_options(found: object) -> ApptainerPlugin:
    """What the [plugin apptainer] section says, or the defaults."""
    return found if isinstance(found, ApptainerPlugin) else ApptainerPlugin()
