"""What the virtual machine of a BOINC application is given, in place of what VirtualBox's wrapper would give it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from vac_boinc import floppy, init_data
from vac_boinc.application import SHARED_PATH, Application, beside, files_of
from vac_boinc.machine_options import machine_options
from vac_boinc.terms import DETAIL, Terms
from vac_boinc.vbox_job import VboxJob
from vac_core.builtin.user_data import UserData, metadata, public_keys
from vac_core.config.schema import MachineType
from vac_core.interfaces import Context, ContextRequest, MachineTypeError, PluginError
from vac_core.powers import SHARED

ISO: Final = "vm_isocontext.iso"
_MIB: Final = 1048576
_NOBODY: Final = {
    "BOINC_USERNAME": "vac",
    "BOINC_AUTHENTICATOR": "",
    "BOINC_USERID": "0",
    "BOINC_HOSTID": "0",
    "BOINC_USER_TOTAL_CREDIT": "0",
    "BOINC_HOST_TOTAL_CREDIT": "0",
}
"""What guests with CERN's data format are told of the volunteer, who is none."""

_COMMANDS: Final[Mapping[str, list[list[str]]]] = {
    "bootcmd": [["mkdir", "-p", SHARED_PATH], ["mount", "-t", "virtiofs", SHARED, SHARED_PATH]]
}
_NOTHING: Final = b"#cloud-config\n{}\n"
_MOUNTS: Final = b"#cloud-config\n" + json.dumps(_COMMANDS).encode("ascii") + b"\n"


def with_media(context: Context, request: ContextRequest, application: Application, told: bytes) -> Context:
    """Add what the job wants to a context, and what its watcher is to know; ``told`` is init_data.xml.

    Raises `PluginError` for files that are not there, `MachineTypeError` for a machine that is too small.
    """
    machinetype, job = request.machinetype, application.contract
    if why := too_small(machinetype, job, request.machine.memory_bytes):
        raise MachineTypeError(f"machinetype {machinetype.name}: {why}")
    terms = Terms.of(job, machine_options(machinetype).boinc_app_outputs)
    return attrs.evolve(
        context,
        shared={**files_of(machinetype, application), init_data.NAME: told} if job.shares_directory else None,
        floppy=_floppy(machinetype, job, told) if job.enable_floppyio else b"",
        cdrom=cdrom_of(machinetype, job),
        details={**context.details, DETAIL: terms.packed()},
    )


def cdrom_of(machinetype: MachineType, job: VboxJob) -> bytes:
    """The image that stands beside the job file; empty where the job wants none. Raises `PluginError`."""
    return beside(machinetype, ISO) if job.enable_isocontextualization else b""


def too_small(machinetype: MachineType, job: VboxJob, memory_bytes: int) -> str:
    """Why a machine with so much memory is too small for a job; empty where it is not, or has no memory as yet."""
    if not 0 < memory_bytes < job.memory_size_mb * _MIB:
        return ""
    return (
        f"its job wants {job.memory_size_mb:g} MB of memory (memory_size_mb), and a machine has "
        f"{memory_bytes // _MIB}: set mb_per_processor to {-(-int(job.memory_size_mb) // machinetype.min_processors)}"
    )


def base_context(user_data: UserData, request: ContextRequest, job: VboxJob) -> Context:
    """The context as it is without an application: of the machinetype's own user data, where it has one.

    Where it has none, cloud-init mounts the shared directory.
    """
    if request.machinetype.user_data is not None:
        return user_data.context(request)
    return _with(_MOUNTS if job.shares_directory else _NOTHING, request)


def _with(user_data: bytes, request: ContextRequest) -> Context:
    keys = public_keys(Path(request.settings.root_public_key))
    return request.answer(user_data, metadata=metadata(request), public_keys=keys)


def _floppy(machinetype: MachineType, job: VboxJob, told: bytes) -> bytes:
    try:
        return floppy.image(floppy.cern_lines(_NOBODY) if job.enable_cern_dataformat else told)
    except floppy.FloppyError as error:
        raise PluginError(f"machinetype {machinetype.name}, its floppy: {error}") from None
