"""``init_data.xml``: what an application is told of its task and its host (lib/app_ipc.cpp in BOINC)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from vac_core.model import Machine

NAME: Final = "init_data.xml"
_CHECKPOINT_SECONDS: Final = 600
_BOUND: Final = 1e18
"""Operations that a task may take: its machine's time is the limit that holds."""
_NOBODY: Final[Mapping[str, object]] = {
    "userid": 0,
    "teamid": 0,
    "hostid": 0,
    "user_name": "vac",
    "authenticator": "",
    "user_total_credit": 0,
    "user_expavg_credit": 0,
    "host_total_credit": 0,
    "host_expavg_credit": 0,
    "resource_share_fraction": 1,
}
"""No project's account stands behind a machine."""


def init_data(machine: Machine, *, disk_bytes: int, directory: str, proxy: str = "") -> bytes:
    """The document for one machine, whose application finds its files in ``directory``; a ``proxy`` is HOST:PORT."""
    root = Element("app_init_data")
    _fill(root, {"major_version": 7, "minor_version": 20, "release": 5, "app_version": 1, **_NOBODY})
    _fill(root, _task(machine, disk_bytes, directory))
    host = {"domain_name": machine.name, "p_ncpus": machine.processors, "m_nbytes": machine.memory_bytes}
    _fill(SubElement(root, "host_info"), host)
    if proxy:
        _add_proxy(SubElement(root, "proxy_info"), proxy)
    indent(root)
    # Guests look for <use_http_proxy/> with grep: no space before the slash. Text has its > written otherwise.
    return tostring(root).replace(b" />", b"/>") + b"\n"


def _task(machine: Machine, disk_bytes: int, directory: str) -> Mapping[str, object]:
    return {
        "app_name": machine.machinetype,
        "project_dir": directory,
        "boinc_dir": directory,
        "wu_name": machine.id,
        "result_name": f"{machine.id}_0",
        "slot": machine.slot,
        "wu_cpu_time": 0,
        "starting_elapsed_time": 0,
        "using_sandbox": 0,
        "vm_extensions_disabled": 0,
        "checkpoint_period": _CHECKPOINT_SECONDS,
        "fraction_done_start": 0,
        "fraction_done_end": 1,
        "gpu_type": "",
        "gpu_device_num": -1,
        "gpu_opencl_dev_index": -1,
        "gpu_usage": 0,
        "ncpus": machine.processors,
        "rsc_fpops_est": _BOUND,
        "rsc_fpops_bound": _BOUND,
        "rsc_memory_bound": machine.memory_bytes,
        "rsc_disk_bound": disk_bytes,
        "computation_deadline": int(machine.shutdown_time),
        "vbox_window": 0,
    }


def _add_proxy(element: Element, proxy: str) -> None:
    server, _, port = proxy.rpartition(":")
    _fill(element, {"use_http_proxy": "", "http_server_name": server, "http_server_port": port})


def _fill(element: Element, texts: Mapping[str, object]) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = str(text) or None
