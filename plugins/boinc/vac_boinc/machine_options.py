"""The options of vac-boinc in a machinetype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from vac_boinc.account import manager_url, project_url
from vac_boinc.extras import NONE, cc_options, preferences
from vac_boinc.options import OPTION_SET
from vac_core.config.read import choice, decimal, integer, matching, no_parent, optional, words, yes_no
from vac_core.config.schema import MachineType
from vac_core.options import option

_SECONDS: Final = "seconds"
_path = matching(r"/.+", "an absolute path")


def file_names(raw: str) -> tuple[str, ...]:
    """Names of files of one directory."""
    return tuple(_file_name(word) for word in words(raw))


_file_name = matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "names of files without directories")


@attrs.frozen(kw_only=True)
class BoincMachine:
    """How machines take it when the host's owner wants the host, and what those of ``boinc-client`` work for.

    What a site's secrets are sent to stands in the site's own files only.
    """

    on_busy: str = option(
        "What becomes of its machines when the owner wants the host: suspend holds them still, evict ends them.",
        choice("suspend", "evict"),
        "evict",
        pipe=True,
    )
    resource_share: float | None = option(
        "Its part of the host by the policy recent-credit; its target_share where it is not set. With 0 it is started "
        "when no other can be.",
        optional(decimal(0.0)),
        None,
    )
    boinc_project_url: str | None = option(
        "The project that the BOINC client works for: its URL as its web page gives it.", optional(project_url), None
    )
    boinc_account_key_file: str | None = option(
        "File with the account key at that project, readable by the factory alone: best a weak key, which can do "
        "nothing but attach hosts.",
        optional(_path),
        None,
    )
    boinc_account_manager_url: str | None = option(
        "In place of a project, the account manager that names the projects to work for: its URL as its web page gives "
        "it.",
        optional(manager_url),
        None,
    )
    boinc_account_manager_login: str | None = option(
        "The login at the account manager.", optional(matching(r"[^\s<>&]{1,128}", "a login, in one word")), None
    )
    boinc_account_manager_password_hash_file: str | None = option(
        "File with the MD5 of the password with the login in lower case after it, readable by the factory alone.",
        optional(_path),
        None,
    )
    boinc_mode: str = option(
        "one-shot: one task for each processor, and the machine ends. drain: tasks as long as there are any, until the "
        "machine's end comes near.",
        choice("one-shot", "drain"),
        "one-shot",
        pipe=True,
    )
    boinc_drain_seconds: int = option(
        "With drain, how long before its end a machine fetches no more tasks.",
        integer(0),
        7200,
        unit=_SECONDS,
        pipe=True,
    )
    boinc_contact_seconds: int = option(
        "How long the project may take to answer a new machine before it gives up.",
        integer(10),
        900,
        unit=_SECONDS,
        pipe=True,
    )
    boinc_task_seconds: int = option(
        "A machine in which no task was done for so long ends; 0 for never.", integer(0), 0, unit=_SECONDS, pipe=True
    )
    boinc_proxy: str | None = option(
        "The HTTP proxy by which the client reaches the project, and of which an application is told.",
        optional(matching(r"[A-Za-z0-9.-]+:[0-9]{1,5}", "HOST:PORT, such as squid.example.org:3128")),
        None,
    )
    boinc_benchmarks: bool = option(
        "Whether each client measures its processors first; a project that hears no figures guesses them.",
        yes_no,
        True,
        pipe=True,
    )
    boinc_allow_multiple_clients: bool = option(
        "Whether each machine is a host of its own to the project, in place of each slot of the factory.",
        yes_no,
        False,
    )
    boinc_extra_cc_options: Mapping[str, str] = option(
        "What else stands in the options of the client's cc_config.xml: NAME=VALUE each.", cc_options, NONE
    )
    boinc_extra_prefs: Mapping[str, str] = option(
        "What else stands in the client's preferences: NAME=VALUE each, by BOINC's names.", preferences, NONE
    )
    boinc_app_job: str | None = option(
        "The vbox_job.xml or job.toml of a BOINC application, beside the files that it names: a file of the "
        "machinetype's, or an absolute path.",
        optional(no_parent),
        None,
    )
    boinc_app_command: tuple[str, ...] = option(
        "The program in a container or process that does the application's work, with its arguments; the image of a "
        "virtual machine has its own.",
        words,
        (),
        pipe=True,
    )
    boinc_app_outputs: tuple[str, ...] = option(
        "Names of files that it leaves in its shared directory, which are kept with the machine's outputs.",
        file_names,
        (),
        pipe=True,
    )


def machine_options(machinetype: MachineType) -> BoincMachine:
    """What a machinetype says, or the defaults."""
    found = machinetype.plugin_options.get(OPTION_SET)
    return found if isinstance(found, BoincMachine) else BoincMachine()
