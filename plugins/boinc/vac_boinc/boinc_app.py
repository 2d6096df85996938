"""The contextualiser ``boinc-app``: a BOINC application's guest contract kept without BOINC's wrappers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vac_boinc import application as applications
from vac_boinc import init_data, virtual
from vac_boinc.application import Application, application_of, files_of, passed_over
from vac_boinc.machine_options import machine_options
from vac_boinc.places import SETTINGS, Place, place_of
from vac_boinc.watcher import Watcher
from vac_core.builtin.user_data import UserData
from vac_core.config.schema import MachineType, Settings
from vac_core.context.outputs import Limits
from vac_core.interfaces import Context, ContextRequest, Contextualiser, Home, MachineTypeError, PluginError
from vac_core.model import Machine

_log = logging.getLogger(__name__)

_GB: Final = 10**9
_MIB: Final = 1048576
_MOST_OCTETS: Final = 10**9
"""Of outputs that are kept, where no factory has said more."""


class BoincApp(Contextualiser):
    """Makes the contexts of machines that do a BOINC application's work, and watches those that are virtual."""

    name = "boinc-app"

    def __init__(self, watcher: Watcher | None = None) -> None:
        self._watcher = watcher or Watcher()
        self._user_data = UserData()
        self._settings: Callable[[], Settings] | None = None
        self._warned: set[str] = set()

    def start(self, home: Home) -> None:
        """Take note of the site's settings, and of what templates may ask for."""
        self._settings = home.settings
        self._user_data.start(home)

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the options; no file is looked at."""
        problems, command = [*applications.faults(machinetype)], machine_options(machinetype).boinc_app_command
        if not place_of(machinetype.machine_model).boots:
            if not command:
                what = "set it to the program that does the work"
                problems.append(f"machinetype {machinetype.name} has no boinc_app_command: {what}")
            return problems
        if command:
            what = "is for containers and processes, and the image of a virtual machine has its own program: remove it"
            problems.append(f"boinc_app_command {what}")
        if machinetype.user_data is not None:
            return [*problems, *self._user_data.check(machinetype)]
        if machinetype.heartbeat_file is not None:
            what = "an application in a virtual machine knows of no such file: remove it"
            problems.append(f"heartbeat_file: {what}; the heartbeat_filename of its job is looked at")
        return problems

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the application's files now, or with the size of its machines."""
        if problems := self.check(machinetype):
            return problems
        try:
            application = application_of(machinetype)
            files_of(machinetype, application)
            if not place_of(machinetype.machine_model).boots:
                return []
            virtual.cdrom_of(machinetype, application.contract)
        except PluginError as error:
            return [str(error)]
        found = [] if machinetype.user_data is None else [*self._user_data.missing(machinetype)]
        why = virtual.too_small(machinetype, application.contract, self._least_memory(machinetype))
        return [*found, why] if why else found

    def context(self, request: ContextRequest) -> Context:
        """Make the context. Raises `MachineTypeError` for wrong options, `PluginError` for unusable files."""
        machine, machinetype = request.machine, request.machinetype
        if problems := self.check(machinetype):
            raise MachineTypeError(f"machinetype {machinetype.name}: {'; '.join(problems)}")
        application, place = application_of(machinetype), place_of(machinetype.machine_model)
        told = init_data.init_data(
            machine,
            disk_bytes=_disk_bytes(machine, machinetype, request.settings),
            directory=application.shared,
            proxy=machine_options(machinetype).boinc_proxy or "",
        )
        if place.boots:
            self._warn(machinetype, application)
            base = virtual.base_context(self._user_data, request, application.contract)
            return virtual.with_media(base, request, application, told)
        return _context(request, application, place, {**files_of(machinetype, application), init_data.NAME: told})

    def look(self, machine: Machine, directory: Path, *, ended: bool) -> str:
        """What a virtual machine's application has come to; a program in other machines tells that itself."""
        most = _MOST_OCTETS if self._settings is None else Limits.of(self._settings()).octets
        return self._watcher.look(machine, directory, ended=ended, most_octets=most)

    def _least_memory(self, machinetype: MachineType) -> int:
        """Octets that its smallest machine has; 0 where no factory has said how much that is."""
        if self._settings is None:
            return machinetype.min_processors * (machinetype.mb_per_processor or 0) * _MIB
        return machinetype.min_processors * machinetype.bytes_per_processor(self._settings())

    def _warn(self, machinetype: MachineType, application: Application) -> None:
        for what in passed_over(application.contract):
            line = f"machinetype {machinetype.name}: its job's {what}"
            if line not in self._warned:
                self._warned.add(line)
                _log.warning("%s: passed over", line)


def _context(request: ContextRequest, application: Application, place: Place, copied: Mapping[str, bytes]) -> Context:
    """That of a machine in which a program of this plugin's runs the application."""
    files = {**copied, SETTINGS: _settings(request, application, place, sorted(copied))}
    return request.answer(place.user_data(files), files=place.files(files), environment=request.urls.variables)


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
