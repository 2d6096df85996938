"""Whose tasks a machinetype's clients do: those of one project, or of the projects that an account manager names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vac_boinc.account import KEY, PASSWORD_HASH, Account
from vac_boinc.machine_options import BoincMachine

_PROJECT: Final = {
    "boinc_project_url": "set it to the project's URL, or boinc_account_manager_url to an account manager's",
    "boinc_account_key_file": "set it to a file with the account key, which nobody else can read",
}
_MANAGER: Final = {
    "boinc_account_manager_url": "set it to the account manager's URL",
    "boinc_account_manager_login": "set it to the login there",
    "boinc_account_manager_password_hash_file": "set it to a file with the password's hash, which nobody else can read",
}


def account_problems(options: BoincMachine) -> Sequence[str]:
    """What is wrong with the options, each as the end of a sentence about the machinetype."""
    given = {name for name in (*_PROJECT, *_MANAGER) if getattr(options, name) is not None}
    project, manager = (sorted(given & names.keys()) for names in (_PROJECT, _MANAGER))
    if project and manager:
        return [f"has both {project[0]} and {manager[0]}: leave out those of the project, or those of the manager"]
    wanted = _MANAGER if manager else _PROJECT
    return [f"has no {name}: {mend}" for name, mend in wanted.items() if name not in given]


def account_of(options: BoincMachine) -> Account | None:
    """The account, where nothing is wrong with the options."""
    if account_problems(options):
        return None
    if options.boinc_account_manager_url is not None:
        file, login = options.boinc_account_manager_password_hash_file, options.boinc_account_manager_login
        return Account(options.boinc_account_manager_url, PASSWORD_HASH, Path(file or ""), login or "")
    return Account(options.boinc_project_url or "", KEY, Path(options.boinc_account_key_file or ""))
