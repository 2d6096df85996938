"""The files that BOINC's client reads when it starts, for a client in a machine: XML, made by the library."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import attrs

from vac_boinc.account import Account, account_file
from vac_boinc.extras import NONE
from vac_core.model import Machine

_PREFERENCES: Final[Mapping[str, object]] = {
    "run_on_batteries": 1,
    "run_if_user_active": 1,
    "suspend_cpu_usage": 0,
    "niu_suspend_cpu_usage": 0,
    "suspend_if_no_recent_input": 0,
    "start_hour": 0,
    "end_hour": 0,
    "cpu_usage_limit": 100,
    "max_ncpus_pct": 100,
    "disk_max_used_gb": 0,
    "disk_max_used_pct": 100,
    "disk_min_free_gb": 0.1,
    "vm_max_used_pct": 100,
    "leave_apps_in_memory": 1,
    "work_buf_min_days": 0.001,
    "work_buf_additional_days": 0,
}
"""In a machine there is no owner: whether the host may compute was decided outside."""

_RPC_FILE: Final = "gui_rpc_auth.cfg"
_LOGIN_FILE: Final = "acct_mgr_login.xml"


@attrs.frozen(kw_only=True)
class Wishes:
    """How the client is to be set up, apart from whom it works for."""

    benchmarks: bool = True
    shares_memory: bool = False
    """Whether the client sees the memory of the whole host."""
    proxy: str = ""
    several: bool = False
    """Whether each machine is a host of its own to the project."""
    cc_options: Mapping[str, str] = NONE
    preferences: Mapping[str, str] = NONE


def secret_files(account: Account) -> frozenset[str]:
    """Names of those files that a machine proves itself with."""
    return frozenset({_LOGIN_FILE if account.at_manager else account_file(account.url), _RPC_FILE})


def client_files(
    machine: Machine, account: Account, secret: str, *, factory: str, wishes: Wishes
) -> Mapping[str, bytes]:
    """The files by name; those that `secret_files` names hold the secret and the password of the GUI RPC."""
    state = Element("client_state")
    _fill(SubElement(state, "host_info"), {"host_cpid": host_cpid(factory, machine.slot)})
    return {
        **_account_files(account, secret),
        "cc_config.xml": _text(_config(machine, wishes)),
        "client_state.xml": _text(state),
        "global_prefs_override.xml": _text(_preferences(machine, wishes)),
        _RPC_FILE: f"{secrets.token_hex(16)}\n".encode("ascii"),
    }


def _account_files(account: Account, secret: str) -> Mapping[str, bytes]:
    if not account.at_manager:
        told = {"master_url": account.url, "authenticator": secret}
        return {account_file(account.url): _text(_fill(Element("account"), told))}
    login = {"login": account.login, "password_hash": secret}
    return {
        "acct_mgr_url.xml": _text(_fill(Element("acct_mgr"), {"url": account.url})),
        _LOGIN_FILE: _text(_fill(Element("acct_mgr_login"), login)),
    }


def _config(machine: Machine, wishes: Wishes) -> Element:
    options = {**wishes.cc_options, "ncpus": machine.processors, "dont_contact_ref_site": 1, "no_gpus": 1}
    if not wishes.benchmarks:
        options["skip_cpu_benchmarks"] = 1
    if wishes.several:
        options["allow_multiple_clients"] = 1
    config = Element("cc_config")
    told = _fill(SubElement(config, "options"), options)
    if wishes.proxy:
        server, _, port = wishes.proxy.rpartition(":")
        _fill(SubElement(told, "proxy_info"), {"http_server_name": server, "http_server_port": port})
    return config


def _preferences(machine: Machine, wishes: Wishes) -> Element:
    ram = _memory_percent(machine) if wishes.shares_memory else 100.0
    told = {**_PREFERENCES, **wishes.preferences, "ram_max_used_busy_pct": ram, "ram_max_used_idle_pct": ram}
    return _fill(Element("global_preferences"), told)


def host_cpid(factory: str, slot: int) -> str:
    """What a project knows a slot's machines by, so that they are one host to it, one after the other.

    The client makes one of its network card's address and its directory only where its state has none. With nothing
    else in that state the project takes the machine for a host that has lost its tasks, and counts those as over.
    """
    return hashlib.sha256(f"{factory}/{slot}".encode()).hexdigest()[:32]


def _memory_percent(machine: Machine) -> float:
    """The machine's part of the memory that the client sees, which is the whole host's."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return round(min(100.0, 100 * machine.memory_bytes / whole), 3) if machine.memory_bytes else 100.0


def _fill(element: Element, texts: Mapping[str, object]) -> Element:
    for name, text in texts.items():
        SubElement(element, name).text = str(text)
    return element


def _text(root: Element) -> bytes:
    """One element a line: the client reads its files line by line."""
    indent(root)
    return tostring(root) + b"\n"
