"""The options of the ``process`` hypervisor, in machinetypes and in [plugin process]."""

from __future__ import annotations

import attrs

from vac_core.config.read import choice, integer, matching, optional, text
from vac_core.config.schema import MachineType
from vac_core.options import option

OPTION_SET = "process"


@attrs.frozen(kw_only=True)
class ProcessMachine:
    """Limits of machines that are processes."""

    process_niceness: int = option("Niceness of a machine's processes: 19 is the most modest.", integer(0, 19), 0)
    process_memory: str = option(
        "How mb_per_processor is enforced: auto for by its cgroup where the factory has the memory controller, "
        "address_space for each process by itself, none for not at all.",
        choice("auto", "address_space", "none"),
        "auto",
    )
    process_file_size_mb: int | None = option(
        "Largest file it may write; what disk_gb_per_processor grants where it is not set.",
        optional(integer(1)),
        None,
        unit="MiB",
    )
    process_open_files: int | None = option(
        "Files that each of its processes may have open; the factory's own limit where it is not set.",
        optional(integer(16)),
        None,
    )
    process_count: int | None = option(
        "Processes and threads it may have: of the machine where the factory has the pids controller of cgroups, "
        "and else of all that its user runs (root is not limited).",
        optional(integer(1)),
        None,
    )


@attrs.frozen(kw_only=True)
class ProcessPlugin:
    """The [plugin process] section."""

    cgroup: str = option(
        "The cgroup (version 2) in which each machine gets one of its own: auto for the factory's own cgroup where it "
        "may write there, no for none, or a path below /sys/fs/cgroup.",
        matching(r"auto|no|/sys/fs/cgroup(/[^/\0]+)*", "auto, no or a path below /sys/fs/cgroup"),
        "auto",
    )
    search_path: str = option("PATH in the environment of machines; the factory's own where it is not set.", text, "")


def machine_options(machinetype: MachineType) -> ProcessMachine:
    """What a machinetype says of its processes, or the defaults."""
    found = machinetype.plugin_options.get(OPTION_SET)
    return found if isinstance(found, ProcessMachine) else ProcessMachine()


def plugin_options(found: object) -> ProcessPlugin:
    """What the [plugin process] section says, or the defaults."""
    return found if isinstance(found, ProcessPlugin) else ProcessPlugin()
