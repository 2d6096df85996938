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


def init_data(machine: Machine, *, disk_bytes: int) -> bytes:
    """The document for one machine, which no project's account stands behind."""
    root = Element("app_init_data")
    _fill(
        root,
        {
            "major_version": 7,
            "minor_version": 20,
            "release": 5,
            "userid": 0,
            "hostid": 0,
            "app_name": machine.machinetype,
            "wu_name": machine.id,
            "result_name": f"{machine.id}_0",
            "slot": machine.slot,
            "wu_cpu_time": 0,
            "starting_elapsed_time": 0,
            "checkpoint_period": _CHECKPOINT_SECONDS,
            "fraction_done_start": 0,
            "fraction_done_end": 1,
            "ncpus": machine.processors,
            "rsc_fpops_est": _BOUND,
            "rsc_fpops_bound": _BOUND,
            "rsc_memory_bound": machine.memory_bytes,
            "rsc_disk_bound": disk_bytes,
            "computation_deadline": int(machine.shutdown_time),
        },
    )
    host = {"domain_name": machine.name, "p_ncpus": machine.processors, "m_nbytes": machine.memory_bytes}
    _fill(SubElement(root, "host_info"), host)
    indent(root)
    return tostring(root) + b"\n"


def _fill(element: Element, texts: Mapping[str, object]) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = str(text)
