"""From what the owner wants to what becomes of machines: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from vac_boinc.machine_options import machine_options
from vac_boinc.preferences import Preferences
from vac_boinc.senses import DiskState
from vac_boinc.suspension import HostState, Standing
from vac_core.model import Machine, MachineState
from vac_core.situation import CANNOT, WISHED, Ask, Situation, Verdicts, Veto, Wish

_MIB: Final = 1048576
_GB: Final = 1e9


@attrs.frozen(kw_only=True)
class Outlook:
    """All that bears on machines."""

    prefs: Preferences
    host: HostState
    standing: Standing
    disk: DiskState | None = None
    max_suspend_seconds: float = 3600.0

    @property
    def in_use(self) -> bool:
        """Whether somebody is at the computer."""
        return self.host.in_use(self.prefs)


def verdicts(outlook: Outlook, situation: Situation) -> Verdicts:
    """What the owner's preferences say of all machines and machinetypes."""
    if outlook.standing.reason is not None:
        return Verdicts(vetoes=(_suspended(outlook, situation),), asks=tuple(_taken(outlook, situation)))
    closes = outlook.prefs.week.closes(outlook.host.moment)
    return Verdicts(
        vetoes=(*_processors(outlook, situation), *_memory(outlook, situation), *_disk(outlook, situation)),
        asks=tuple(_given(outlook, situation)),
        most_processors=_sizes(outlook, situation),
        end=None if closes is None else max(closes.timestamp(), situation.now),
    )


def _suspended(outlook: Outlook, situation: Situation) -> Veto:
    opens = None if outlook.prefs.week.open(outlook.host.moment) else outlook.prefs.week.opens(outlook.host.moment)
    until = None if opens is None else max(opens.timestamp(), situation.now)
    return Veto(reason=f"the owner wants the host: {outlook.standing.reason}", until=until)


def _taken(outlook: Outlook, situation: Situation) -> Iterator[Ask]:
    """Each machine is held still, or ended where it may not be held, cannot be, or has been for too long."""
    why = f"the owner wants the host: {outlook.standing.reason}"
    too_long = situation.now - outlook.standing.since >= outlook.max_suspend_seconds
    for machine in situation.machines:
        yield from _leave(machine, situation, why, for_good=too_long)


def _leave(machine: Machine, situation: Situation, why: str, *, for_good: bool) -> Iterator[Ask]:
    machinetype = situation.machinetypes.get(machine.machinetype)
    evict = machinetype is None or machine_options(machinetype).on_busy == "evict"
    if evict or for_good or machine.details.get(CANNOT) == Wish.PAUSE:
        if machine.state in {MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED}:
            yield Ask(machine_id=machine.id, wish=Wish.STOP, reason=why)
    elif machine.state is MachineState.RUNNING:
        yield Ask(machine_id=machine.id, wish=Wish.PAUSE, reason=why)


def _given(outlook: Outlook, situation: Situation) -> Iterator[Ask]:
    """Machines that were held still go on, those that are too many leave, and the others keep within their part."""
    surplus = {one.machine_id: one for one in _surplus(outlook, situation)}
    part = outlook.prefs.part_of_time(in_use=outlook.in_use)
    for machine in situation.machines:
        if machine.id in surplus:
            one = surplus[machine.id]
            yield from _leave(machine, situation, one.why, for_good=one.for_good)
        elif machine.state is MachineState.PAUSED and machine.details.get(WISHED) == Wish.PAUSE:
            yield Ask(machine_id=machine.id, wish=Wish.RESUME, reason="the owner has no use for the host now")
        elif machine.state is MachineState.RUNNING:
            yield Ask(machine_id=machine.id, wish=Wish.CAP, part=part, reason="cpu_usage_limit")


@attrs.frozen
class _Surplus:
    machine_id: str
    why: str
    for_good: bool
    """Held still, it would keep its memory."""


def _surplus(outlook: Outlook, situation: Situation) -> Iterator[_Surplus]:
    """The newest of those machines for which there are too few processors, or too little memory."""
    processors = outlook.prefs.processors(situation.capacity.processors, in_use=outlook.in_use)
    memory = outlook.prefs.memory_bytes(situation.capacity.memory_bytes, in_use=outlook.in_use)
    held = octets = 0
    for machine in sorted(situation.machines, key=lambda one: (one.created, one.id)):
        held, octets = held + machine.processors, octets + machine.memory_bytes
        if 0 < memory < octets:
            why = f"the owner lends {memory // _MIB} MiB of memory now: {_memory_option(outlook)}"
            yield _Surplus(machine.id, why, for_good=True)
        elif held > processors:
            why = f"the owner lends {processors} processors now: {_name('max_ncpus_pct', outlook)}"
            yield _Surplus(machine.id, why, for_good=False)


def _processors(outlook: Outlook, situation: Situation) -> Iterator[Veto]:
    most = outlook.prefs.processors(situation.capacity.processors, in_use=outlook.in_use)
    left = _processors_left(outlook, situation)
    for name, machinetype in situation.machinetypes.items():
        if machinetype.min_processors > left:
            yield Veto(
                machinetype=name,
                reason=f"needs {machinetype.min_processors} of the {most} processors that the owner lends now, and"
                f" {left} are left: {_name('max_ncpus_pct', outlook)}",
            )


def _memory(outlook: Outlook, situation: Situation) -> Iterator[Veto]:
    most = outlook.prefs.memory_bytes(situation.capacity.memory_bytes, in_use=outlook.in_use)
    left = _memory_left(outlook, situation)
    for name, machinetype in situation.machinetypes.items():
        need = machinetype.min_processors * machinetype.bytes_per_processor(situation.settings)
        if left is not None and need > left:
            yield Veto(
                machinetype=name,
                reason=f"needs {need // _MIB} MiB of the {most // _MIB} that the owner lends now, and"
                f" {left // _MIB} are left: {_memory_option(outlook)}",
            )


def _sizes(outlook: Outlook, situation: Situation) -> Mapping[str, int]:
    """By machinetype: for how many processors of its next machine what is lent is enough, where it is for one."""
    processors, memory = _processors_left(outlook, situation), _memory_left(outlook, situation)
    enough = {} if memory is None else situation.processors_for(memory)
    found = {name: min(processors, enough.get(name, processors)) for name in situation.machinetypes}
    return {name: most for name, most in found.items() if most}


def _processors_left(outlook: Outlook, situation: Situation) -> int:
    most = outlook.prefs.processors(situation.capacity.processors, in_use=outlook.in_use)
    return max(0, most - situation.busy_processors)


def _memory_left(outlook: Outlook, situation: Situation) -> int | None:
    """Octets; None where the host's memory is not known."""
    there = situation.capacity.memory_bytes
    if not there:
        return None
    return max(0, outlook.prefs.memory_bytes(there, in_use=outlook.in_use) - situation.held_memory_bytes)


def _disk(outlook: Outlook, situation: Situation) -> Iterator[Veto]:
    del situation
    disk = outlook.disk
    if disk is None:
        return
    most = outlook.prefs.disk_bytes(whole=disk.whole, free=disk.free, used=disk.used)
    if disk.used >= most:
        used, lent = disk.used / _GB, most / _GB
        yield Veto(reason=f"machines take up {used:.1f} GB of disk, and the owner lends {lent:.1f}: disk_min_free_gb")


def _memory_option(outlook: Outlook) -> str:
    return f"ram_max_used_{'busy' if outlook.in_use else 'idle'}_pct"


def _name(option: str, outlook: Outlook) -> str:
    return option if outlook.in_use else f"niu_{option}"
