"""From a request to what is started: pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from vac_apptainer.account import Account
from vac_apptainer.binds import FEATURES, USER_DATA, Bind, context_files, cvmfs, features, scratch
from vac_apptainer.container import Container, arguments, entered, environment, staged, words
from vac_apptainer.image import problem
from vac_apptainer.options import machine_options
from vac_apptainer.program import Program
from vac_apptainer.user_data import refuse_unfit_program
from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, MachineTypeError
from vac_core.supervision import MARKER, Cgroup, Launch, Limits

OWN: Final = "apptainer"
"""What is made in a machine's directory, and removed with the machine."""
_LOG: Final = "user_data.log"
"""Among the outputs, so that their limits hold for it and it is kept as long as they are."""
_REPOSITORY: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
_MIB: Final = 1048576
_GB: Final = 10**9


def problems(machinetype: MachineType) -> Sequence[str]:
    """What is wrong with a machinetype's options, one message each; nothing is touched."""
    return list(_problems(machinetype))


def refuse_unfit(machinetype: MachineType) -> None:
    """Raise `MachineTypeError` with the first of its problems, if there is one."""
    for wrong in _problems(machinetype):
        raise MachineTypeError(wrong)


def _problems(machinetype: MachineType) -> Iterator[str]:
    if wrong := problem(machinetype):
        yield wrong
    for name in machinetype.cvmfs_repositories:
        if _REPOSITORY.fullmatch(name) is None:
            yield f"cvmfs_repositories has {name!r}, which is no repository's name: write one such as lhcb.cern.ch"
    for look in (lambda: words(machinetype.container_command), lambda: scratch(machinetype.tmp_binds, Path("/"))):
        try:
            look()
        except MachineTypeError as wrong_value:
            yield str(wrong_value)


@attrs.frozen(kw_only=True)
class Place:
    """What the host has for a container."""

    program: Program
    account: Account
    image: Path
    cvmfs_root: Path
    cgroup: Cgroup | None = None


def plan(request: CreateRequest, place: Place) -> Launch:
    """What is to be started for a request; touches nothing.

    Raises `MachineTypeError` where an option or the context asks for what a container cannot have.
    """
    machinetype, context = request.machinetype, request.context
    refuse_unfit(machinetype)
    command = words(machinetype.container_command)
    refuse_unfit_program(command, context.user_data)
    own, program, account = request.directory / OWN, place.program, place.account
    shared = (cvmfs(place.cvmfs_root),) if machinetype.cvmfs_repositories else ()
    container = Container(
        image=place.image,
        workdir=own / "work",
        binds=(*features(request.directory), *_own_binds(request, own), *shared),
        hostname=context.hostname,
        command=command,
    )
    if account.own:
        seen, argv = container, arguments(program.path, container)
    else:
        seen, argv = staged(container), entered(program.path, container, account)
    return Launch(
        own=own,
        log=request.directory / "joboutputs" / _LOG,
        user_data=context.user_data,
        environment=environment(_apptainers_own(request, seen.workdir), _containers(request), program.prefix),
        limits=_limits(request),
        cgroup=place.cgroup,
        command=argv,
        files=tuple((f"file-{number}", file.content, file.mode & 0o555) for number, file in enumerate(context.files)),
        directories=tuple(f"scratch-{number}" for number in range(len(machinetype.tmp_binds))),
        owner=None if account.own else (account.uid, account.gid),
        gifts=(request.directory / "joboutputs",),
    )


def _own_binds(request: CreateRequest, own: Path) -> tuple[Bind, ...]:
    return (
        Bind(source=own / "user_data", target=USER_DATA),
        *context_files(request.context.files, own),
        *scratch(request.machinetype.tmp_binds, own),
    )


def _apptainers_own(request: CreateRequest, workdir: Path) -> dict[str, str]:
    """The environment of Apptainer itself: nothing of the factory's but PATH."""
    return {
        "LANG": "C.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "TMPDIR": str(workdir),
        MARKER: request.machine.id,
    }


def _containers(request: CreateRequest) -> dict[str, str]:
    """The environment of the container: the context's, and what Vac promises, which no context may change."""
    return {
        "LANG": "C.UTF-8",
        **request.context.environment,
        "MACHINEFEATURES": FEATURES.machinefeatures,
        "JOBFEATURES": FEATURES.jobfeatures,
        "JOBOUTPUTS": FEATURES.joboutputs,
        "VAC_MACHINE_NAME": request.context.hostname,
        "VAC_MACHINETYPE": request.machinetype.name,
        MARKER: request.machine.id,
    }


def _limits(request: CreateRequest) -> Limits:
    machine, machinetype, settings = request.machine, request.machinetype, request.settings
    wanted = machine_options(machinetype)
    disk_gb = machinetype.disk_gb_per_processor or settings.disk_gb_per_processor
    most = wanted.apptainer_file_size_mb
    return Limits(
        memory_bytes=machine.memory_bytes or settings.mb_per_processor * _MIB * machine.processors,
        file_size_bytes=disk_gb * _GB * machine.processors if most is None else most * _MIB,
        processes=wanted.apptainer_processes,
        processors=machine.processors,
        cpu_weight=request.machinetype.cpu_weight,
    )
