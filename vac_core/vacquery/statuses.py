"""What factories send, as values: the three statuses, and two messages that Vac 3 ignores.

Keys, aliases and types are those of the Vacuum Platform note (HSF-TN-2016-04, section "VacQuery") and of what Vac 3
puts on the wire, deprecated names included, for its commands and VacMon still read them.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from vac_core.vacquery.queries import VACQUERY_VERSION, program_version
from vac_core.vacquery.wire import AMOUNT, COOKIE, COUNT, MESSAGES, MOMENT, NAME, TEXT, key


@attrs.frozen(kw_only=True)
class _FromFactory:
    """The keys that all messages of a factory have."""

    message_type: ClassVar[str]
    cookie: str = key("The query's cookie; ``0`` in messages that nobody asked for.", COOKIE)
    space: str = key("The factory's space.", NAME)
    factory: str = key("The factory's name, as its peers list it.", NAME)
    site: str = key("The site's name in GOCDB, or the domain of the space.", TEXT, "")
    time_sent: int = key("When it was sent.", MOMENT, 0)
    daemon_version: str = key(
        "Product, version and program that sends it.", TEXT, program_version("vacd-responder"), aliases=("vac_version",)
    )
    vacquery_version: str = key("Version of the protocol.", TEXT, VACQUERY_VERSION)


@attrs.frozen(kw_only=True)
class FactoryStatus(_FromFactory):
    """A factory's own figures. Times are Unix seconds, sizes 1024 octets."""

    message_type = "factory_status"
    running_processors: int = key("Processors of running machines.", COUNT, 0, aliases=("running_cpus",))
    running_machines: int = key("Running machines.", COUNT, 0)
    running_hs06: float = key("Benchmark power of running machines.", AMOUNT, 0.0)
    max_processors: int = key("Processors for machines.", COUNT, 0, aliases=("max_cpus", "total_cpus"))
    max_machines: int = key("Slots.", COUNT, 0, aliases=("total_machines",))
    max_hs06: float = key("Benchmark power of all processors for machines.", AMOUNT, 0.0, aliases=("total_hs06",))
    boot_time: int = key("When the host was booted.", MOMENT, 0)
    factory_heartbeat_time: int = key("When the factory last showed life.", MOMENT, 0)
    responder_heartbeat_time: int = key("When its responder last showed life.", MOMENT, 0)
    mjf_heartbeat_time: int = key("When its service of features last listened; 0 if it never did.", MOMENT, 0)
    metadata_heartbeat_time: int = key("When its service of metadata last listened; 0 if it never did.", MOMENT, 0)
    root_disk_avail_kb: int = key("Free space of /tmp.", COUNT, 0)
    root_disk_avail_inodes: int = key("Free inodes of /tmp.", COUNT, 0)
    daemon_disk_avail_kb: int = key("Free space of the state directory.", COUNT, 0, aliases=("vac_disk_avail_kb",))
    daemon_disk_avail_inodes: int = key(
        "Free inodes of the state directory.", COUNT, 0, aliases=("vac_disk_avail_inodes",)
    )
    load_average: float = key("Load average over 15 minutes.", AMOUNT, 0.0)
    kernel_version: str = key("The kernel's release.", TEXT, "")
    os_issue: str = key("The operating system's own name.", TEXT, "")
    swap_used_kb: int = key("Swap in use.", COUNT, 0)
    swap_free_kb: int = key("Swap that is free.", COUNT, 0)
    mem_used_kb: int = key("Memory in use.", COUNT, 0)
    mem_total_kb: int = key("All the host's memory.", COUNT, 0)


@attrs.frozen(kw_only=True)
class MachineStatus(_FromFactory):
    """One slot: the machine in it, or the last that was."""

    message_type = "machine_status"
    num_machines: int = key("How many such messages make the whole answer.", MESSAGES)
    machine: str = key("The slot's host name.", NAME)
    state: str = key("Unknown, Shut down, Starting, Running, Paused or Zombie.", TEXT)
    machine_model: str | None = key("Its machine model.", TEXT, None)
    uuid: str | None = key("Its UUID, or its container's id.", TEXT, None)
    created_time: int | None = key("When it was made.", MOMENT, None)
    started_time: int | None = key("When it was first seen running.", MOMENT, None)
    heartbeat_time: int | None = key("When it was last seen running.", MOMENT, None)
    cpu_seconds: int = key("Processor time it used.", COUNT, 0)
    cpu_percentage: float = key("Its use of processors; above 100 where it has several.", AMOUNT, 0.0)
    num_processors: int = key("Its processors.", COUNT, 0, aliases=("num_cpus",))
    hs06: float = key("Benchmark power of all its processors.", AMOUNT, 0.0)
    machinetype: str | None = key("Its machinetype.", NAME, None)
    shutdown_message: str | None = key("What it said when it ended.", TEXT, None)
    shutdown_time: int | None = key("When it said so.", MOMENT, None)
    fqan: str = key("Its VO's FQAN.", TEXT, "", omitted_if_empty=True)


@attrs.frozen(kw_only=True)
class MachinetypeStatus(_FromFactory):
    """One machinetype at one factory. Machines that are starting count as running here."""

    message_type = "machinetype_status"
    num_machinetypes: int = key("How many such messages make the whole answer.", MESSAGES)
    machinetype: str = key("The machinetype's name.", NAME)
    running_hs06: float = key("Benchmark power of its machines.", AMOUNT)
    running_machines: int = key("Its machines.", COUNT)
    running_processors: float = key("Their processors.", AMOUNT, 0.0, aliases=("running_cpus",))
    num_before_fizzle: int = key("Those that may yet fizzle.", COUNT)
    shutdown_message: str | None = key("What the latest that has ended said.", TEXT, None)
    shutdown_time: int | None = key("When it said so.", MOMENT, None)
    shutdown_machine: str | None = key("Its slot's host name.", TEXT, None)
    bytes_per_processor: int | None = key("Memory for each processor.", COUNT, None, omitted_if_empty=True)
    fqan: str = key("Its VO's FQAN.", TEXT, "", omitted_if_empty=True)
    max_processors: int | None = key("Most processors of one machine.", COUNT, None, omitted_if_empty=True)
    min_processors: int | None = key("Fewest processors of one machine.", COUNT, None, omitted_if_empty=True)
    max_wallclock_seconds: int | None = key("Longest that one may live.", COUNT, None, omitted_if_empty=True)
    min_wallclock_seconds: int | None = key("Least time that is of use to one.", COUNT, None, omitted_if_empty=True)


@attrs.frozen(kw_only=True)
class NoStatus(_FromFactory):
    """New. The answer of a factory that has nothing to tell, sent to those whose query says that they know it.

    Without it a factory with no machinetype would look like one that is down.
    """

    message_type = "no_status"


@attrs.frozen(kw_only=True)
class StatusChanged(_FromFactory):
    """New. A hint to peers that it is worth asking this factory now. Vac 3's responder ignores it."""

    message_type = "status_changed"
    to: str = key(
        "The factory that is told, so that a signed hint serves for no other.", NAME, "", omitted_if_empty=True
    )


Status = FactoryStatus | MachineStatus | MachinetypeStatus
FromFactory = Status | NoStatus | StatusChanged
