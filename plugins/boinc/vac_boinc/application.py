"""A BOINC application as its machinetype names it: its job file, and the files that stand beside that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from vac_boinc import init_data, job_toml, vbox_job
from vac_boinc.machine_options import machine_options
from vac_boinc.places import place_of
from vac_boinc.vbox_job import UNHEEDED, JobError, VboxJob
from vac_core.builtin.site_files import SiteFileError, read_site_file, site_path
from vac_core.config.schema import MachineType
from vac_core.interfaces import MachineTypeError, PluginError

SHARED_PATH: Final = "/shared"
"""Where guests have the directory by which they and their wrapper talk."""
_FILE_MAX: Final = 16 * 1048576
_CONTAINER_JOB: Final = VboxJob(
    completion_trigger_file="boinc_finish_called", temporary_exit_trigger_file="boinc_temporary_exit"
)


@attrs.frozen(kw_only=True)
class Application:
    """What an application asks, from whichever of the two files it has."""

    shared: str
    """The directory by which it and its wrapper talk."""
    contract: VboxJob
    ends_by_itself: bool
    """Whether the end of its program is the end of its task, with the program's exit code."""


def faults(machinetype: MachineType) -> Sequence[str]:
    """What is wrong with the options that name it; no file is looked at."""
    job, name = machine_options(machinetype).boinc_app_job, machinetype.name
    if job is None:
        return [f"machinetype {name} has no boinc_app_job: set it to the application's vbox_job.xml or job.toml"]
    if not job.endswith((".xml", ".toml")):
        return [f"boinc_app_job: '{job}' is neither .xml nor .toml: name it as BOINC does"]
    if job.endswith(".toml") and place_of(machinetype.machine_model).boots:
        return [f"boinc_app_job: '{job}' is for containers, and this is {machinetype.machine_model}: name a .xml"]
    return []


def application_of(machinetype: MachineType) -> Application:
    """Read its job file. Raises `PluginError`."""
    path = _job_path(machinetype)
    raw = beside(machinetype, path.name)
    try:
        if path.suffix == ".toml":
            return Application(shared=job_toml.parse(raw).workdir, contract=_CONTAINER_JOB, ends_by_itself=True)
        return Application(shared=SHARED_PATH, contract=vbox_job.parse(raw), ends_by_itself=False)
    except JobError as error:
        raise PluginError(f"machinetype {machinetype.name}, boinc_app_job {path}: {error}") from None


def files_of(machinetype: MachineType, application: Application) -> Mapping[str, bytes]:
    """The files that the job wants in the shared directory; init_data.xml is made. Raises `PluginError`."""
    wanted = [name for name in application.contract.copy_to_shared if name != init_data.NAME]
    return {name: beside(machinetype, name) for name in wanted}


def beside(machinetype: MachineType, name: str) -> bytes:
    """A file that stands beside the job file. Raises `PluginError`."""
    try:
        return read_site_file(_job_path(machinetype).parent / name, _FILE_MAX)
    except SiteFileError as error:
        raise PluginError(f"machinetype {machinetype.name}, boinc_app_job: {error}") from None


def passed_over(job: VboxJob) -> Iterator[str]:
    """What a virtual machine's job asks that is not done here, each with the reason."""
    for element in job.unheeded:
        yield f"<{element}>: {UNHEEDED[element]}"
    if not job.enable_network:
        yield "<enable_network> is not set: machines have a network all the same"
    if job.heartbeat_filename and not job.shares_directory:
        yield "<heartbeat_filename>: without <enable_shared_directory> nobody can see it"


def _job_path(machinetype: MachineType) -> Path:
    try:
        return site_path(machinetype, machine_options(machinetype).boinc_app_job or "")
    except SiteFileError as error:
        raise MachineTypeError(f"machinetype {machinetype.name}, boinc_app_job: {error}") from None
