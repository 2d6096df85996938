"""What is wrong with a machinetype's options for containers: everything that can be told before one is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vac_core.config.schema import MachineType
from vac_docker.credentials import CredentialsError, credentials
from vac_docker.options import DockerPlugin, machine_options
from vac_docker.paths import path_problem
from vac_docker.readers import VARIABLE
from vac_docker.source import Archive, auth_file, source_of
from vac_docker.user_data import command

_REPOSITORY: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


def problems(machinetype: MachineType, plugin: DockerPlugin) -> Iterator[str]:
    """One message for each fault."""
    yield from _image_problems(machinetype, plugin)
    try:
        command(machinetype)
    except ValueError as problem:
        yield str(problem)
    yield from _path_problems(machinetype)
    yield from _repository_problems(machinetype)
    yield from _gpu_problems(machinetype, plugin)
    for name, _ in machine_options(machinetype).container_environment:
        if VARIABLE.fullmatch(name) is None:
            yield f"container_environment: {name!r} cannot be the name of a variable: use letters, digits and _"


def _image_problems(machinetype: MachineType, plugin: DockerPlugin) -> Iterator[str]:
    allowed = machine_options(machinetype).image_digests_allowed
    try:
        source = source_of(machinetype, plugin)
    except ValueError as problem:
        yield f"root_image: {problem}"
        return
    if not isinstance(source, Archive) and source.name.digest and allowed and source.name.digest not in allowed:
        yield f"root_image: {source.name.digest} is not among image_digests_allowed: add it there, or name another"
    path = auth_file(machinetype, plugin)
    if path is not None and not isinstance(source, Archive):
        try:
            credentials(path, source.name.host)
        except CredentialsError as problem:
            yield f"docker_auth_file: {problem}"


def _path_problems(machinetype: MachineType) -> Iterator[str]:
    before: list[str] = []
    for path in machinetype.tmp_binds:
        if wrong := path_problem(path, before):
            yield f"tmp_binds: {wrong}"
        before.append(path)


def _repository_problems(machinetype: MachineType) -> Iterator[str]:
    for name in machinetype.cvmfs_repositories:
        if _REPOSITORY.fullmatch(name) is None:
            yield f"cvmfs_repositories: {name!r} is no repository: write a name such as lhcb.cern.ch"


def _gpu_problems(machinetype: MachineType, plugin: DockerPlugin) -> Iterator[str]:
    wanted = machine_options(machinetype).gpus
    if wanted > len(plugin.gpus):
        yield f"gpus: it wants {wanted}, and [plugin docker] gpus has {len(plugin.gpus)}: name more there, or want less"
