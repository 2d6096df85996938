"""The factory's machines in memory, always as the journal has them: each change is journalled first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vac_core.factory.journal import Journal
from vac_core.factory.timekeeping import shifted
from vac_core.model import Happening, Machine, MachineState


class Roster:
    """Machines that are not yet cleared away, the last one of each slot, and each machinetype's latest end."""

    def __init__(self, journal: Journal, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._clock = clock
        self._machines = {machine.id: machine for machine in journal.unfinished()}
        self._last = {machine.slot: machine for machine in journal.last_in_slots()}
        self._ends = {machine.machinetype: machine for machine in journal.latest_ends()}
        self._unsaved: set[str] = set()

    @property
    def unfinished(self) -> tuple[Machine, ...]:
        """All that are not yet cleared away."""
        return tuple(self._machines.values())

    @property
    def alive(self) -> tuple[Machine, ...]:
        """Those that hold a slot."""
        return tuple(machine for machine in self._machines.values() if machine.alive)

    @property
    def last_in_slots(self) -> tuple[Machine, ...]:
        """For each slot ever used, the machine in it or the last that was, in the order of the slots."""
        return tuple(self._last[slot] for slot in sorted(self._last))

    @property
    def latest_ends(self) -> dict[str, Machine]:
        """Of each machinetype, the most recently created machine that has ended."""
        return dict(self._ends)

    def get(self, machine_id: str) -> Machine | None:
        """An unfinished machine by its id."""
        return self._machines.get(machine_id)

    def find(self, name_or_id: str) -> Machine | None:
        """A machine that is alive, by its id or its slot's host name."""
        return next((machine for machine in self.alive if name_or_id in {machine.id, machine.name}), None)

    def free_slot(self) -> int:
        """The lowest slot that no machine holds."""
        held = {machine.slot for machine in self.alive}
        return next(slot for slot in range(len(held) + 1) if slot not in held)

    def plan(self, machine: Machine, reason: str) -> Machine:
        """Journal the intent to make a machine."""
        self._journal.plan(machine, reason)
        self._last[machine.slot] = machine
        self._keep(machine)
        return machine

    def happen(self, machine_id: str, happening: Happening, reason: str = "", **changes: Any) -> Machine:
        """Journal what happened to a machine; return it as it is now."""
        now = self._clock()
        machine = self._journal.apply(self._machines[machine_id], happening, now=now, reason=reason, **changes)
        self._keep(machine)
        return machine

    def freshen(self, machine: Machine) -> None:
        """Take over a machine's newest figures (heartbeat, CPU time); `save` writes them down."""
        current = self._machines.get(machine.id)
        if current is not None and current.state is machine.state and current != machine:
            self._keep(machine)
            self._unsaved.add(machine.id)

    def save(self) -> None:
        """Write down figures that have changed since the last time."""
        unsaved = [machine for machine in self._machines.values() if machine.id in self._unsaved]
        if unsaved:
            self._journal.update(unsaved)
        self._unsaved.clear()

    def shift(self, seconds: float) -> None:
        """The clock was set: move all that is remembered with it, so that old and new can still be told apart."""
        last = {slot: shifted(one, seconds) for slot, one in self._last.items()}
        ends = {name: shifted(one, seconds) for name, one in self._ends.items()}
        for machine in self.unfinished:
            self.freshen(shifted(machine, seconds))
        self._last, self._ends = last, ends
        self.save()

    def _keep(self, machine: Machine) -> None:
        last = self._last.get(machine.slot)
        if last is not None and last.id == machine.id:  # an older one may be cleared away after the next has begun
            self._last[machine.slot] = machine
        if machine.ended is not None:
            before = self._ends.get(machine.machinetype)
            if before is None or before.created <= machine.created:
                self._ends[machine.machinetype] = machine
        if machine.state is MachineState.CLEARED:
            self._machines.pop(machine.id, None)
        else:
            self._machines[machine.id] = machine
