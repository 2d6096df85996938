"""The contextualiser ``boinc-app``: a BOINC application's guest contract kept without BOINC's wrappers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from vac_boinc import init_data, job_toml, vbox_job
from vac_boinc.machine_options import machine_options
from vac_boinc.places import SETTINGS, Place, place_of
from vac_boinc.vbox_job import JobError, VboxJob
from vac_core.builtin.site_files import SiteFileError, read_site_file, site_path
from vac_core.config.schema import MachineType, Settings
from vac_core.interfaces import Context, ContextRequest, Contextualiser, MachineTypeError, PluginError
from vac_core.model import Machine

_SHARED: Final = "/shared"
_FILE_MAX: Final = 16 * 1048576
_GB: Final = 10**9


@attrs.frozen(kw_only=True)
class Application:
    """What an application asks, from whichever of the two files it has."""

    shared: str
    """The directory by which it and its wrapper talk."""
    contract: VboxJob
    ends_by_itself: bool
    """Whether the end of its program is the end of its task, with the program's exit code."""


class BoincApp(Contextualiser):
    """Makes the contexts of containers and processes that do a BOINC application's work."""

    name = "boinc-app"

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the options; no file is looked at."""
        options, problems = machine_options(machinetype), []
        if options.boinc_app_job is None:
            what = "set it to the application's vbox_job.xml or job.toml"
            problems.append(f"machinetype {machinetype.name} has no boinc_app_job: {what}")
        elif not options.boinc_app_job.endswith((".xml", ".toml")):
            problems.append(
                f"boinc_app_job: '{options.boinc_app_job}' is neither .xml nor .toml: name it as BOINC does"
            )
        if not options.boinc_app_command:
            problems.append(
                f"machinetype {machinetype.name} has no boinc_app_command: set it to the program that does the work"
            )
        if place_of(machinetype.machine_model).boots:
            what = "is for containers and processes: give virtual machines their own user_data"
            problems.append(f"contextualiser boinc-app {what}")
        return problems

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the application's files now."""
        if problems := self.check(machinetype):
            return problems
        try:
            _files_of(machinetype, _application(machinetype))
        except PluginError as error:
            return [str(error)]
        return []

    def context(self, request: ContextRequest) -> Context:
        """Make the context. Raises `MachineTypeError` for wrong options, `PluginError` for unusable files."""
        machine, machinetype, urls = request.machine, request.machinetype, request.urls
        if problems := self.check(machinetype):
            raise MachineTypeError("; ".join(problems))
        application, place = _application(machinetype), place_of(machinetype.machine_model)
        copied = {
            **_files_of(machinetype, application),
            init_data.NAME: init_data.init_data(
                machine, disk_bytes=_disk_bytes(machine, machinetype, request.settings)
            ),
        }
        files = {**copied, SETTINGS: _settings(request, application, place, sorted(copied))}
        return Context(
            machine_id=machine.id,
            hostname=machine.name,
            user_data=place.user_data(files),
            machinefeatures=request.features.machinefeatures,
            jobfeatures=request.features.jobfeatures,
            files=place.files(files),
            environment={
                "MACHINEFEATURES": urls.machinefeatures,
                "JOBFEATURES": urls.jobfeatures,
                "JOBOUTPUTS": urls.joboutputs,
            },
        )


def _application(machinetype: MachineType) -> Application:
    raw = _read(machinetype, _job_path(machinetype))
    try:
        if str(_job_path(machinetype)).endswith(".toml"):
            finish = VboxJob(
                completion_trigger_file="boinc_finish_called", temporary_exit_trigger_file="boinc_temporary_exit"
            )
            return Application(shared=job_toml.parse(raw).workdir, contract=finish, ends_by_itself=True)
        return Application(shared=_SHARED, contract=vbox_job.parse(raw), ends_by_itself=False)
    except JobError as error:
        raise PluginError(f"machinetype {machinetype.name}, boinc_app_job {_job_path(machinetype)}: {error}") from None


def _job_path(machinetype: MachineType) -> Path:
    try:
        return site_path(machinetype, machine_options(machinetype).boinc_app_job or "")
    except SiteFileError as error:
        raise MachineTypeError(f"machinetype {machinetype.name}, boinc_app_job: {error}") from None


def _files_of(machinetype: MachineType, application: Application) -> Mapping[str, bytes]:
    """The files that the job wants in the shared directory; they stand beside it. init_data.xml is made."""
    beside = _job_path(machinetype).parent
    wanted = [name for name in application.contract.copy_to_shared if name != init_data.NAME]
    return {name: _read(machinetype, beside / name) for name in wanted}


def _read(machinetype: MachineType, path: Path) -> bytes:
    try:
        return read_site_file(path, _FILE_MAX)
    except SiteFileError as error:
        raise PluginError(f"machinetype {machinetype.name}, boinc_app_job: {error}") from None


def _disk_bytes(machine: Machine, machinetype: MachineType, settings: Settings) -> int:
    return machine.processors * _GB * (machinetype.disk_gb_per_processor or settings.disk_gb_per_processor)


def _settings(request: ContextRequest, application: Application, place: Place, files: Sequence[str]) -> bytes:
    """What the program in the machine is told."""
    options, contract = machine_options(request.machinetype), application.contract
    told: Mapping[str, Any] = {
        "cern_dataformat": contract.enable_cern_dataformat,
        "command": options.boinc_app_command,
        "completion_trigger_file": contract.completion_trigger_file,
        "ends_by_itself": application.ends_by_itself,
        "files": files,
        "fraction_done_filename": contract.fraction_done_filename,
        "heartbeat_file": request.machinetype.heartbeat_file or "",
        "heartbeat_filename": contract.heartbeat_filename,
        "heartbeat_interval": contract.minimum_heartbeat_interval,
        "job_duration": contract.job_duration,
        "jobfeatures": request.urls.jobfeatures,
        "joboutputs": request.urls.joboutputs,
        "outputs": options.boinc_app_outputs,
        "power_off": place.boots,
        "program": "app",
        "shared": application.shared if place.has_files else "shared",
        "temporary_exit_trigger_file": contract.temporary_exit_trigger_file,
    }
    return json.dumps(told, indent=1, sort_keys=True).encode("ascii") + b"\n"
