"""Sees that machines end when they must, and that policies' wishes for running machines are carried out."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from vac_core.config.schema import MachineType, Settings
from vac_core.context.outputs import JOBOUTPUTS
from vac_core.decide.ends import PAUSED, StopReason, due, requested
from vac_core.factory.calls import Calls
from vac_core.factory.ender import Ender
from vac_core.factory.features_files import update_shutdowntime
from vac_core.factory.outputs import outputs_problem, read_progress
from vac_core.factory.roster import Roster
from vac_core.factory.state_dir import StateDir
from vac_core.guest_files import changed_at
from vac_core.interfaces import Hypervisor, PluginError
from vac_core.model import Machine, MachineState
from vac_core.powers import SHARED, CanCap, CanPause
from vac_core.situation import CANNOT, WISHED, WISHED_WHY, Ask, Wish

_log = logging.getLogger(__name__)

_DEADLINE_SECONDS: Final = 60.0
_OUTPUTS_CODE: Final = 700
_RESUMED: Final = "resumed"
_CAP: Final = "cap"
"""Detail of a machine: the part of its processors' time that it is held to; empty for all of it."""
_PAUSABLE: Final = {Wish.PAUSE: MachineState.RUNNING, Wish.RESUME: MachineState.PAUSED}


class Warden:
    """Ends machines past their time, without a heartbeat or over their outputs' limits, and carries out wishes."""

    def __init__(
        self,
        state: StateDir,
        roster: Roster,
        ender: Ender,
        hypervisors: Mapping[str, Hypervisor],
        calls: Calls,
        clock: Callable[[], float],
    ) -> None:
        self._state = state
        self._roster = roster
        self._ender = ender
        self._hypervisors = hypervisors
        self._calls = calls
        self._clock = clock
        self._up_since = clock()
        # Of machines from before this start it is not known what they were told last: no end equals NaN.
        self._announced: dict[str, float | None] = {machine.id: math.nan for machine in roster.alive}

    def clock_was_set(self) -> None:
        """Heartbeat files bear times of the old clock: let machines write them anew before they are judged by them."""
        self._up_since = self._clock()

    def enforce(self, machinetypes: Mapping[str, MachineType], host_end: float | None) -> None:
        """Stop every machine that must end now; tell the others when the factory's own end comes before theirs."""
        for machine in self._roster.alive:
            machinetype = machinetypes.get(machine.machinetype)
            self._announce_end(machine, machinetype, host_end)
            reason = self._reason(machine, machinetype, host_end)
            if reason is not None:
                self._ender.stop(machine, reason)

    def _reason(self, machine: Machine, machinetype: MachineType | None, host_end: float | None) -> StopReason | None:
        if machine.state is MachineState.PAUSED and machine.details.get(WISHED) != Wish.PAUSE:
            return PAUSED
        heartbeat = None
        if machinetype is not None and machinetype.heartbeat_file is not None:
            heartbeat = changed_at(self._state.machine(machine.id) / JOBOUTPUTS, machinetype.heartbeat_file)
        resumed = machine.details.get(_RESUMED)
        return due(
            machine,
            machinetype,
            self._clock(),
            service_up_since=max(self._up_since, float(resumed)) if resumed else self._up_since,
            heartbeat_file_mtime=heartbeat,
            shutdown_time=host_end,
        )

    def _announce_end(self, machine: Machine, machinetype: MachineType | None, host_end: float | None) -> None:
        """Publish a machine's end anew when the factory's own end changes, with no less notice than its grace."""
        if self._announced.get(machine.id) == host_end or machine.state is MachineState.STOPPING:
            return
        self._announced[machine.id] = host_end
        end = machine.shutdown_time
        if host_end is not None:
            grace = 0 if machinetype is None else machinetype.grace_seconds
            end = min(end, max(host_end, self._clock() + grace))
        update_shutdowntime(self._state.machine(machine.id), end)

    async def check_outputs(self, settings: Settings) -> None:
        """Stop machines that leave more outputs than they may and see how far they are, in threads, all at one time."""
        made = [machine for machine in self._roster.alive if machine.state is not MachineState.PLANNED]
        await asyncio.gather(*(self._check_outputs_of(machine, settings) for machine in made))
        alive = {machine.id for machine in self._roster.alive}
        self._announced = {machine_id: end for machine_id, end in self._announced.items() if machine_id in alive}

    async def _check_outputs_of(self, machine: Machine, settings: Settings) -> None:
        examine = partial(_examined, self._state.machine(machine.id), settings)
        what = f"counting the outputs of {machine.name} ({machine.id})"
        problem, progress = None, machine.progress
        try:
            problem, progress = await self._calls(examine, deadline=_DEADLINE_SECONDS, what=what)
        except PluginError as error:
            problem = str(error)
        current = self._roster.get(machine.id)
        if current is None:
            return
        self._roster.freshen(attrs.evolve(current, progress=progress))
        if problem is not None:
            self._ender.stop(current, StopReason(f"Job outputs over their limits: {problem}", _OUTPUTS_CODE))

    def carry_out(self, asks: Iterable[Ask]) -> Iterator[Coroutine[Any, Any, None]]:
        """Stop what policies ask to be stopped; what takes longer is returned as work to be done."""
        for ask in asks:
            machine = self._roster.get(ask.machine_id)
            if machine is None:
                continue
            if ask.wish is Wish.STOP:
                self._ender.stop(machine, requested(f"{ask.policy}: {ask.reason}"))
            elif ask.wish is Wish.CAP:
                if machine.state is MachineState.RUNNING and machine.details.get(_CAP, "") != _cap(ask):
                    yield self._hold_down(machine, ask)
            elif machine.state is _PAUSABLE[ask.wish]:
                yield self._pause_or_resume(machine, ask)

    async def _pause_or_resume(self, machine: Machine, ask: Ask) -> None:
        hypervisor = self._hypervisors.get(machine.hypervisor)
        if hypervisor is None or not isinstance(hypervisor, CanPause):
            _log.warning("%s cannot %s %s: %s", machine.hypervisor, ask.wish, machine.name, ask.reason)
            self._note(machine, {CANNOT: str(ask.wish)})
            return
        details = {WISHED: str(ask.wish), WISHED_WHY: f"{ask.policy}: {ask.reason}"}
        if ask.wish is Wish.RESUME:
            details[_RESUMED] = str(self._clock())
        # Written down first: after a crash a wished pause must not look like one that the machine brought on itself.
        self._note(machine, details)
        act = hypervisor.pause if ask.wish is Wish.PAUSE else hypervisor.resume
        if await self._done(partial(act, machine.id), machine, ask):
            self._ender.look_again(hypervisor.name)

    async def _hold_down(self, machine: Machine, ask: Ask) -> None:
        hypervisor = self._hypervisors.get(machine.hypervisor)
        if hypervisor is None or not isinstance(hypervisor, CanCap):
            _log.warning("%s cannot %s %s: %s", machine.hypervisor, ask.wish, machine.name, ask.reason)
        elif not await self._done(partial(hypervisor.cap, machine.id, ask.part), machine, ask):
            return
        # Also where the hypervisor cannot: it is not asked, and not complained of, at each decision.
        self._note(machine, {_CAP: _cap(ask)})

    def _note(self, machine: Machine, details: Mapping[str, str]) -> None:
        current = self._roster.get(machine.id)
        if current is not None:
            self._roster.freshen(attrs.evolve(current, details={**current.details, **details}))
            self._roster.save()

    async def _done(self, act: Callable[[], None], machine: Machine, ask: Ask) -> bool:
        """Carry a wish out; say whether that succeeded."""
        what = f"{ask.wish} of {machine.name} ({machine.id})"
        try:
            lane = f"wishes for {machine.hypervisor}"
            await self._calls(act, deadline=_DEADLINE_SECONDS, what=what, lane=lane)
        except PluginError as error:
            _log.error("%s, wished by %s: %s", what, ask.policy, error)
            return False
        return True


def _examined(directory: Path, settings: Settings) -> tuple[str | None, float | None]:
    """What is wrong with the files that a machine writes, and how far it says that it is."""
    problem = outputs_problem(directory / JOBOUTPUTS, settings)
    if problem is None and (directory / SHARED).is_dir():
        problem = outputs_problem(directory / SHARED, settings)
    return problem, read_progress(directory / JOBOUTPUTS)


def _cap(ask: Ask) -> str:
    return "" if ask.part is None else str(ask.part)
