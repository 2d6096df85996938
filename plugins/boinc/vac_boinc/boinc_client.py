"""The contextualiser ``boinc-client``: machines in which BOINC's own client works for one project."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vac_boinc.account import Account, read_secret
from vac_boinc.accounts import account_of, account_problems
from vac_boinc.client_files import Wishes, client_files, host_cpid, secret_files
from vac_boinc.machine_options import BoincMachine, machine_options
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
    """Makes the contexts; what is to be known of projects stands in the machinetype's ``boinc_`` options."""

    name = "boinc-client"

    def __init__(self) -> None:
        self._factory = ""

    def start(self, home: Home) -> None:
        """Take note of the factory's name, of which a slot's host is made."""
        self._factory = home.factory

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the options; secrets are not looked at."""
        problems = account_problems(machine_options(machinetype))
        return [f"machinetype {machinetype.name} {one}" for one in problems]

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with the file of the account key, or of the password hash, now."""
        account = account_of(machine_options(machinetype))
        if account is None:
            return self.check(machinetype)
        try:
            read_secret(account.secret, account.file)
        except PluginError as error:
            return [str(error)]
        return []

    def context(self, request: ContextRequest) -> Context:
        """Make the context. Raises `MachineTypeError` for wrong options, `PluginError` for a bad file of a secret."""
        machine, machinetype = request.machine, request.machinetype
        account = account_of(machine_options(machinetype))
        if account is None:
            raise MachineTypeError("; ".join(self.check(machinetype)))
        place = place_of(machinetype.machine_model)
        secret = read_secret(account.secret, account.file) if request.with_secrets else ""
        wishes = _wishes(machine_options(machinetype), place)
        told = client_files(machine, account, secret, factory=self._factory, wishes=wishes)
        hidden = frozenset() if request.with_secrets else secret_files(account)
        public = {name: content for name, content in told.items() if name not in hidden}
        files = {**public, SETTINGS: _settings(request, place, account, sorted(told))}
        return request.answer(
            place.user_data(files),
            public_keys=public_keys(Path(request.settings.root_public_key)),
            files=place.files(files),
            environment=request.urls.variables,
            details={
                "boinc_account_manager" if account.at_manager else "boinc_project": account.url,
                "boinc_host_cpid": host_cpid(self._factory, machine.slot),
            },
        )


def _wishes(options: BoincMachine, place: Place) -> Wishes:
    return Wishes(
        benchmarks=options.boinc_benchmarks,
        shares_memory=not place.boots,
        proxy=options.boinc_proxy or "",
        several=options.boinc_allow_multiple_clients,
        cc_options=options.boinc_extra_cc_options,
        preferences=options.boinc_extra_prefs,
    )


def _settings(request: ContextRequest, place: Place, account: Account, files: Sequence[str]) -> bytes:
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
        "account_url": account.url,
        "at_manager": account.at_manager,
        "task_seconds": options.boinc_task_seconds,
        "user": "boinc" if place.has_files else "",
        "work_parents": place.work_parents,
    }
    return json.dumps(told, indent=1, sort_keys=True).encode("ascii") + b"\n"
