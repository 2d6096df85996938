"""What machines print: of running ones from their hypervisor, of others from the file that was kept."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Final

from vac_core.factory.calls import Calls
from vac_core.factory.roster import Roster
from vac_core.factory.state_dir import StateDir
from vac_core.guest_files import open_plain
from vac_core.interfaces import Hypervisor
from vac_core.model import Machine
from vac_core.powers import KeepsLog

CONSOLE_LOG: Final = "console.log"
DEADLINE_SECONDS: Final = 10.0


def find(name: str, roster: Roster) -> Machine | None:
    """A machine by its id or its slot's host name: the one that is alive, else the last one that was."""
    last = (one for one in roster.last_in_slots if name in {one.id, one.name})
    return roster.find(name) or roster.get(name) or next(last, None)


async def console_log(
    machine: Machine, hypervisor: Hypervisor | None, state: StateDir, calls: Calls, most_octets: int
) -> bytes:
    """The newest part of what a machine has printed; raises `PluginError` where its hypervisor cannot tell."""
    said = b""
    if hypervisor is not None and isinstance(hypervisor, KeepsLog):
        ask = partial(hypervisor.console_log, machine.id, most_octets)
        said = await calls(ask, deadline=DEADLINE_SECONDS, what=f"reading the log of {machine.name} ({machine.id})")
    if not said:
        read = partial(_end_of_file, state.machine(machine.id), most_octets)
        said = await calls(read, deadline=DEADLINE_SECONDS, what=f"reading {CONSOLE_LOG} of {machine.name}")
    return said[-most_octets:]


def _end_of_file(directory: Path, most_octets: int) -> bytes:
    file = open_plain(directory, CONSOLE_LOG)
    if file is None:
        return b""
    with file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - most_octets))
        return file.read(most_octets)
