"""The options of the ``docker`` hypervisor, in machinetypes and in [plugin docker].

What a vacuum pipe may set is the short list that is marked so: it changes nothing but what runs inside the container.
All that raises privileges, or names something of the host, stands in the site's own files.
"""

from __future__ import annotations

import attrs

from vac_core.config.read import choice, decimal, integer, matching, optional, yes_no
from vac_core.config.schema import MachineType
from vac_core.options import option
from vac_docker.readers import (
    arguments,
    capabilities,
    device_list,
    digests,
    gpu_list,
    host_path,
    network_name,
    user_name,
    variables,
)
from vac_docker.values import Device, Gpu

OPTION_SET = "docker"


@attrs.frozen(kw_only=True)
class DockerMachine:
    """What a machine that is a container may have."""

    container_args: tuple[str, ...] = option(
        "Further arguments of container_command; quote those with spaces.", arguments, (), pipe=True
    )
    container_environment: tuple[tuple[str, str], ...] = option(
        "Further variables of its environment: NAME=VALUE; quote those with spaces.", variables, (), pipe=True
    )
    image_pull: str = option(
        "When its image is asked for at its registry again: always for before each machine, daily, or missing for "
        "only when it is not here.",
        choice("always", "daily", "missing"),
        "daily",
        pipe=True,
    )
    image_digests_allowed: tuple[str, ...] = option(
        "Digests, sha256:..., of the only images that it may be made of; any where none is named.",
        digests,
        (),
        pipe=True,
    )
    docker_auth_file: str | None = option(
        "File of credentials for its image's registry, as docker login writes it.", optional(host_path), None
    )
    container_user: str | None = option(
        "User that it runs as, USER or USER:GROUP; the one that its image names where it is not set.",
        optional(user_name),
        None,
    )
    container_cpu: str = option(
        "How its processors are enforced: quota for no more than these, shares for these and what others leave.",
        choice("quota", "shares"),
        "quota",
    )
    container_swap_mb: int = option("Swap that it may use beside its memory.", integer(0), 0, unit="MiB")
    container_pids: int = option("Processes and threads that it may have.", integer(8, 4194304), 4096)
    container_open_files: int | None = option(
        "Files that each of its processes may have open; as the engine has it where it is not set.",
        optional(integer(16)),
        None,
    )
    container_file_size_mb: int | None = option(
        "Largest file that it may write; what disk_gb_per_processor grants where it is not set.",
        optional(integer(1)),
        None,
        unit="MiB",
    )
    read_only_root: bool = option("Let it write nowhere but in its tmp_binds and its joboutputs.", yes_no, False)
    devices: tuple[Device, ...] = option(
        "Devices of the host that each of its machines has: /dev/NAME, /dev/NAME:/dev/NAME_INSIDE or with :rw at the "
        "end for what it may do.",
        device_list,
        (),
    )
    gpus: int = option("GPUs, of those in [plugin docker], that each machine has to itself.", integer(0), 0)
    network: str | None = option(
        "Network of the engine that it is on, or none; the engine's default bridge where it is not set.",
        network_name,
        None,
    )
    runtime: str | None = option(
        "OCI runtime of the engine that runs it, such as runc, crun or nvidia.",
        optional(matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "the name of a runtime that the engine knows")),
        None,
    )
    capabilities: tuple[str, ...] = option(
        "Linux capabilities to leave it, such as CHOWN SETUID; all others are taken away.", capabilities, ()
    )


@attrs.frozen(kw_only=True)
class DockerPlugin:
    """The [plugin docker] section."""

    socket: str = option(
        "Where the engine listens: Docker's socket, or that of podman system service.",
        matching(r"unix:///\S+", "unix:// and the path of the engine's socket"),
        "unix:///var/run/docker.sock",
    )
    docker_auth_file: str | None = option(
        "File of credentials for registries, as docker login writes it, for machinetypes that the site itself "
        "defines; those of a vacuum pipe have only what their own option names.",
        optional(host_path),
        None,
    )
    gpus: tuple[Gpu, ...] = option(
        "GPUs to lend to machines: NVIDIA's numbers or UUIDs, or the devices of each, joined by +.", gpu_list, ()
    )
    cvmfs_root: str = option("Where this host has CVMFS mounted.", host_path, "/cvmfs")
    cvmfs_seconds: float = option(
        "How long a CVMFS repository may take to answer.", decimal(0.1, 600.0), 20.0, unit="seconds"
    )
    image_seconds: float = option(
        "How long the pulling of an image may take.", decimal(1.0, 86400.0), 3600.0, unit="seconds"
    )
    image_max_gb: int = option("Largest image, as its registry sends it.", integer(1), 50, unit="GB")
    image_keep_days: float = option(
        "How long an image that Vac pulled is kept when no machine was made of it.",
        decimal(0.0),
        14.0,
        unit="days",
    )
    image_space_gb: int | None = option(
        "Space for images that Vac pulled: those not used for longest make room.",
        optional(integer(1)),
        None,
        unit="GB",
    )
    container_log_kb: int = option(
        "How much of what a machine prints is kept: the newest.", integer(1, 65536), 1024, unit="KiB"
    )
    sized_storage: bool = option(
        "Try to hold scratch space to its limit by the engine's storage, where that can.", yes_no, True
    )


def machine_options(machinetype: MachineType) -> DockerMachine:
    """What a machinetype says of its containers, or the defaults."""
    found = machinetype.plugin_options.get(OPTION_SET)
    return found if isinstance(found, DockerMachine) else DockerMachine()
