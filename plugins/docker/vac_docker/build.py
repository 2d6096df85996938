"""A machine as the body of a request to create a container: values in, values out; nothing is asked or touched."""

from __future__ import annotations

from typing import Any, Final

from docker.types import ContainerConfig, DeviceRequest, HostConfig, LogConfig, Mount, Ulimit

from vac_core.interfaces import CreateRequest
from vac_docker.facts import Facts
from vac_docker.limits import CPU_PERIOD_US, Limits, limits_of
from vac_docker.options import DockerMachine, DockerPlugin, machine_options
from vac_docker.parts import Parts
from vac_docker.paths import CVMFS, JOBFEATURES, JOBOUTPUTS, MACHINEFEATURES, URLS, USER_DATA
from vac_docker.user_data import command

HOSTNAME_MAX: Final = 63
"""Characters that Docker takes for a host name; see also sethostname(2)."""


def container(request: CreateRequest, parts: Parts, plugin: DockerPlugin, engine: Facts) -> ContainerConfig:
    """The request's body."""
    wanted = machine_options(request.machinetype)
    hostname, domain = host_and_domain(request.context.hostname)
    return ContainerConfig(
        engine.api,
        parts.image_id,
        command(request.machinetype) or None,
        hostname=hostname,
        domainname=domain,
        user=wanted.container_user,
        environment=_environment(request, wanted),
        labels=dict(parts.labels),
        host_config=_host_config(request, parts, plugin, engine),
    )


def host_and_domain(name: str) -> tuple[str, str | None]:
    """A machine's whole name where that can be its host name; else its first part, and the rest as its domain."""
    if len(name) <= HOSTNAME_MAX:
        return name, None
    first, _, rest = name.partition(".")
    return first[:HOSTNAME_MAX], rest or None


def _environment(request: CreateRequest, wanted: DockerMachine) -> dict[str, str]:
    """What is set beside the image's own variables; what Vac promises, no context and no option may change."""
    return {
        **request.context.environment,
        **dict(wanted.container_environment),
        "MACHINEFEATURES": URLS.machinefeatures,
        "JOBFEATURES": URLS.jobfeatures,
        "JOBOUTPUTS": URLS.joboutputs,
        "VAC_MACHINE_ID": request.machine.id,
        "VAC_MACHINE_NAME": request.context.hostname,
        "VAC_MACHINETYPE": request.machinetype.name,
    }


def _host_config(request: CreateRequest, parts: Parts, plugin: DockerPlugin, engine: Facts) -> HostConfig:
    wanted = machine_options(request.machinetype)
    limits = limits_of(request.machine, request.machinetype, request.settings)
    return HostConfig(
        engine.api,
        mounts=[*_mounts(request, parts, plugin)],
        network_mode=wanted.network or "default",
        cap_drop=["ALL"],
        cap_add=list(wanted.capabilities) or None,
        security_opt=["no-new-privileges"],
        read_only=wanted.read_only_root,
        init=True if engine.init else None,
        runtime=wanted.runtime,
        devices=_devices(wanted, parts) or None,
        device_requests=_device_requests(parts) or None,
        log_config=LogConfig(type="json-file", config={"max-size": f"{2 * plugin.container_log_kb}k", "max-file": "2"}),
        storage_opt=None if parts.layer_bytes is None else {"size": str(parts.layer_bytes)},
        **_limits(limits, engine),
    )


def _limits(limits: Limits, engine: Facts) -> dict[str, Any]:
    """Those that the engine can set; of those that it says it cannot, its health tells."""
    ulimits = [] if engine.podman else [_ulimit("fsize", limits.file_size_bytes), _ulimit("core", 0)]
    if limits.open_files is not None:
        ulimits.append(_ulimit("nofile", limits.open_files))
    by_control: dict[str, dict[str, Any]] = {
        "memory": {"mem_limit": limits.memory_bytes},
        "swap": {"memswap_limit": limits.memory_and_swap_bytes},
        "CPU shares": {"cpu_shares": limits.cpu_shares},
        "CPU quota": {} if limits.cpu_quota is None else {"cpu_period": CPU_PERIOD_US, "cpu_quota": limits.cpu_quota},
        "pids": {"pids_limit": limits.processes},
    }
    held = [settings for name, settings in by_control.items() if name not in engine.lacks]
    return {"ulimits": ulimits} | {key: value for settings in held for key, value in settings.items()}


def _ulimit(name: str, most: int) -> Ulimit:
    return Ulimit(name=name, soft=most, hard=most)


def _mounts(request: CreateRequest, parts: Parts, plugin: DockerPlugin) -> list[Mount]:
    directory = request.directory
    bound = [
        _bind(USER_DATA, parts.user_data),
        _bind(MACHINEFEATURES, str(directory / "machinefeatures")),
        _bind(JOBFEATURES, str(directory / "jobfeatures")),
        _bind(JOBOUTPUTS, str(directory / "joboutputs"), read_only=False),
        *(_bind(inside, outside, read_only=False) for inside, outside in sorted(parts.files.items())),
        *(Mount(inside, volume, type="volume") for inside, volume in sorted(parts.volumes.items())),
    ]
    if request.machinetype.cvmfs_repositories:
        # A repository that the host mounts later shows up inside too; nothing that is mounted inside shows up outside.
        bound.append(Mount(CVMFS, plugin.cvmfs_root, type="bind", read_only=True, propagation="rslave"))
    return bound


def _bind(inside: str, outside: str, *, read_only: bool = True) -> Mount:
    # A mount whose source is missing is an error; the older binds would make a directory of root's there.
    return Mount(inside, outside, type="bind", read_only=read_only)


def _devices(wanted: DockerMachine, parts: Parts) -> list[str]:
    lent = [device for gpu in parts.gpus for device in gpu.devices]
    return [str(device) for device in (*wanted.devices, *lent)]


def _device_requests(parts: Parts) -> list[DeviceRequest]:
    ids = [gpu.name for gpu in parts.gpus if not gpu.devices]
    return [DeviceRequest(driver="nvidia", device_ids=ids, capabilities=[["gpu"]])] if ids else []
