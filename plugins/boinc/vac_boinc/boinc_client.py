"""The contextualiser ``boinc-client``: machines in which BOINC's own client works for one project."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vac_boinc.account import read_key
from vac_boinc.client_files import client_files, host_cpid, secret
from vac_boinc.machine_options import machine_options
from vac_boinc.places import SETTINGS, Place, place_of
from vac_core.builtin.user_data import public_keys
from vac_core.config.schema import MachineType
from vac_core.interfaces import (
    Context,
    ContextRequest,
    Contextualiser,
    Home,
    MachineTypeError,
    PluginError,
)

_END_MARGIN_SECONDS: Final = 120
_ALWAYS: Final = (
    "--exit_when_idle",
    "--abort_jobs_on_exit",
    "--no_gpus",
    "--no_info_fetch",
    "--insecure",
    "--gui_rpc_unix_domain",
)
"""The client never listens on a port, of which there is one for all machines that share a network."""


class BoincClient(Contextualiser):
    """Makes the contexts; what is to be known of the project stands in the machinetype's ``boinc_`` options."""

    name = "boinc-client"

    def __init__(self) -> None:
        self._factory = ""

    def start(self, home: Home) -> None:
        """Take note of the factory's name, of which a slot's host is made."""
        self._factory = home.factory

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the options; the key is not looked at."""
        options = machine_options(machinetype)
        problems = []
        if options.boinc_project_url is None:
            problems.append(f"machinetype {machinetype.name} has no boinc_project_url: set it to the project's URL")
        if options.boinc_account_key_file is None:
            what = "set it to a file with the account key, which nobody else can read"
            problems.append(f"machinetype {machinetype.name} has no boinc_account_key_file: {what}")
        return problems

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the file of the account key now."""
        named = machine_options(machinetype).boinc_account_key_file
        if named is None:
            return self.check(machinetype)
        try:
            read_key(Path(named))
        except PluginError as error:
            return [str(error)]
        return []

    def context(self, request: ContextRequest) -> Context:
        """Make the context. Raises `MachineTypeError` for wrong options, `PluginError` for a bad key file."""
        machine, machinetype, urls = request.machine, request.machinetype, request.urls
        options = machine_options(machinetype)
        url, named = options.boinc_project_url, options.boinc_account_key_file
        if url is None or named is None:
            raise MachineTypeError("; ".join(self.check(machinetype)))
        place = place_of(machinetype.machine_model)
        told = client_files(
            machine,
            url=url,
            key=read_key(Path(named)) if request.with_secrets else "",
            factory=self._factory,
            benchmarks=options.boinc_benchmarks,
            shares_memory=not place.boots,
            proxy=options.boinc_proxy or "",
        )
        public = {name: content for name, content in told.items() if request.with_secrets or name not in secret(url)}
        files = {**public, SETTINGS: _settings(request, place, url, sorted(told))}
        return Context(
            machine_id=machine.id,
            hostname=machine.name,
            user_data=place.user_data(files),
            machinefeatures=request.features.machinefeatures,
            jobfeatures=request.features.jobfeatures,
            public_keys=public_keys(Path(request.settings.root_public_key)),
            files=place.files(files),
            environment={
                "MACHINEFEATURES": urls.machinefeatures,
                "JOBFEATURES": urls.jobfeatures,
                "JOBOUTPUTS": urls.joboutputs,
            },
            details={"boinc_project": url, "boinc_host_cpid": host_cpid(self._factory, machine.slot)},
        )


def _settings(request: ContextRequest, place: Place, url: str, files: Sequence[str]) -> bytes:
    """What the program in the machine is told."""
    options = machine_options(request.machinetype)
    drains = options.boinc_mode == "drain"
    told: Mapping[str, Any] = {
        "arguments": _ALWAYS if drains else ("--fetch_minimal_work", *_ALWAYS),
        "contact_seconds": options.boinc_contact_seconds,
        "drain_seconds": options.boinc_drain_seconds,
        "drains": drains,
        "end_margin": _END_MARGIN_SECONDS,
        "files": files,
        "heartbeat_file": request.machinetype.heartbeat_file or "",
        "jobfeatures": request.urls.jobfeatures,
        "joboutputs": request.urls.joboutputs,
        "power_off": place.boots,
        "program": "client",
        "project_url": url,
        "user": "boinc" if place.has_files else "",
        "work_parents": place.work_parents,
    }
    return json.dumps(told, indent=1, sort_keys=True).encode("ascii") + b"\n"
