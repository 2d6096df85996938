"""Ending a machine and taking away all that was made for it; again and again, until nothing is left."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Final

from vac_core.interfaces import PluginError
from vac_docker.console import keep, printed
from vac_docker.errors import ConflictError, EngineError, EngineGoneError
from vac_docker.observe import RUNNING, Seen
from vac_docker.options import DockerPlugin
from vac_docker.paths import OWN
from vac_docker.service import Service

_KIB: Final = 1024


def destroy(machine_id: str, service: Service, plugin: DockerPlugin) -> None:
    """Destroy one of our machines; one that is unknown, or another factory's, is left alone. Raises `PluginError`."""
    directory = service.home.machines_dir / machine_id
    seen = service.containers.of(machine_id)
    if not seen and service.records.get(machine_id) is None:
        return
    for one in seen:
        if one.state in RUNNING:
            service.containers.end(one.container_id)
        _keep_log(one, directory, service, plugin)
        _remove(one, service)
    service.volumes.remove_of(machine_id)
    _clear(directory / OWN)
    service.cvmfs.release(machine_id)
    service.records.remove(machine_id)


def _keep_log(one: Seen, directory: Path, service: Service, plugin: DockerPlugin) -> None:
    """Keep what it printed; a log that cannot be had does not keep the machine from going."""
    try:
        content = printed(service.engine, one.container_id, plugin.container_log_kb * _KIB)
        if content:
            keep(directory, content)
    except EngineGoneError:
        raise
    except (EngineError, OSError) as problem:
        service.log.warning("what machine %s printed is lost: %s", one.machine_id, problem)


def _remove(one: Seen, service: Service) -> None:
    with contextlib.suppress(ConflictError):  # its removal is under way; the list tells when it is gone
        service.containers.remove(one.container_id)
    if any(left.container_id == one.container_id for left in service.containers.of(one.machine_id)):
        raise PluginError(f"machine {one.machine_id}: the engine is still removing its container: it is asked again")


def _clear(own: Path) -> None:
    """Remove the files that it was given, which may hold secrets."""
    try:
        shutil.rmtree(own)
    except FileNotFoundError:
        return
    except OSError as problem:
        raise PluginError(f"{own} cannot be removed: {problem.strerror}: remove it by hand") from None
