"""Ending machines: asked first, destroyed when their grace is over, their outcome journalled, all they had cleared."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

from vac_core.config.schema import MachineType
from vac_core.context.outputs import JOBOUTPUTS
from vac_core.decide.ends import StopReason, final_outcome
from vac_core.factory.calls import Calls
from vac_core.factory.features_files import update_shutdowntime
from vac_core.factory.outputs import leave_shutdown_message, read_shutdown_message
from vac_core.factory.roster import Roster
from vac_core.factory.state_dir import StateDir, clear_private_parts
from vac_core.interfaces import Hypervisor, Observed, PluginError
from vac_core.model import Happening, Machine, MachineState

_log = logging.getLogger(__name__)

STOP_DEADLINE_SECONDS: Final = 30.0
DESTROY_DEADLINE_SECONDS: Final = 120.0
KEPT: Final = frozenset({JOBOUTPUTS, "machinefeatures", "jobfeatures", "console.log"})
"""What stays of an ended machine's directory until its machines_dir_days are over."""

_STOP: Final = "stop"
_STOP_CODE: Final = "stop_code"


class Ender:
    """Ends machines without ever blocking the loop; `troubles` names those that would not go."""

    def __init__(
        self,
        state: StateDir,
        roster: Roster,
        hypervisors: Mapping[str, Hypervisor],
        calls: Calls,
        clock: Callable[[], float],
    ) -> None:
        self._state = state
        self._roster = roster
        self._hypervisors = hypervisors
        self._calls = calls
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.machinetypes: Mapping[str, MachineType] = {}
        self.look_again: Callable[[str], None] = lambda _: None
        """Called with a hypervisor's name when it should be asked for its machines soon."""
        self.ended: Callable[[Machine], None] = lambda _: None
        """Called with each machine that has ended, once its outcome is journalled."""
        self.troubles: dict[str, str] = {}

    def stop(self, machine: Machine, reason: StopReason) -> None:
        """Ask a machine to end; it is destroyed if it is still there after its machinetype's grace_seconds."""
        if machine.state not in {MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED}:
            return
        machinetype = self.machinetypes.get(machine.machinetype)
        grace = machinetype.grace_seconds if machinetype is not None and reason.graceful else 0
        deadline = self._clock() + grace
        details = {**machine.details, _STOP: reason.text, _STOP_CODE: str(reason.code or "")}
        self._roster.happen(machine.id, Happening.STOP, reason.text, stop_deadline=deadline, details=details)
        if grace:
            self._start(machine.id, self._request_stop(machine, deadline))

    async def _request_stop(self, machine: Machine, deadline: float) -> None:
        directory = self._state.machine(machine.id)
        hypervisor = self._hypervisors.get(machine.hypervisor)
        if hypervisor is None:
            return

        def ask() -> None:
            try:
                hypervisor.request_stop(machine.id)
            finally:
                update_shutdowntime(directory, deadline)

        await self._contained(ask, hypervisor, STOP_DEADLINE_SECONDS, f"stopping {machine.name} ({machine.id})")

    def conclude(self, machine_id: str, observed: Observed | None) -> None:
        """Journal a machine's end with its outcome, and begin to clear it away."""
        machine = self._roster.get(machine_id)
        if machine is None:
            return
        now = self._clock()
        outcome = final_outcome(
            machine,
            self.machinetypes.get(machine.machinetype),
            read_shutdown_message(self._state.machine(machine_id) / JOBOUTPUTS),
            observed.exit_code if observed else None,
            observed.note if observed else "",
            _stop_reason(machine),
            now,
        )
        cpu_seconds = observed.cpu_seconds if observed is not None else None
        ended = self._roster.happen(
            machine_id,
            Happening.GONE,
            str(outcome),
            ended=now,
            outcome=outcome,
            cpu_seconds=machine.cpu_seconds if cpu_seconds is None else cpu_seconds,
        )
        self.ended(ended)
        self.tend_one(ended)

    def tend(self) -> None:
        """Destroy what has outstayed its grace, and clear away what has ended: also what an earlier try left."""
        for machine in self._roster.unfinished:
            self.tend_one(machine)
            if machine.hypervisor not in self._hypervisors:
                self._abandoned(machine)

    def tend_one(self, machine: Machine) -> None:
        """Destroy or clear away one machine, if it is time."""
        hypervisor = self._hypervisors.get(machine.hypervisor)
        if machine.id in self._tasks or hypervisor is None:
            return
        if machine.state is MachineState.ENDED:
            self._start(machine.id, self._clear(machine, hypervisor))
        elif machine.state is MachineState.STOPPING and (machine.stop_deadline or 0.0) <= self._clock():
            self._start(machine.id, self._destroy(machine.id, hypervisor))

    def _abandoned(self, machine: Machine) -> None:
        what = f"machine {machine.name} ({machine.id})"
        if what not in self.troubles:
            mend = "install its plugin again, or do not block it"
            self.troubles[what] = f"no plugin provides its hypervisor {machine.hypervisor}: {mend}"
            _log.error("%s: %s", what, self.troubles[what])

    def clear_stray(self, machine_id: str, hypervisor: Hypervisor) -> None:
        """Destroy a machine of ours that no journalled intent tells of."""
        if machine_id not in self._tasks:
            _log.warning("clearing away machine %s of %s: the journal has no such machine", machine_id, hypervisor.name)
            self._start(machine_id, self._destroy(machine_id, hypervisor))

    async def _clear(self, machine: Machine, hypervisor: Hypervisor) -> None:
        directory = self._state.machine(machine.id)

        def clear() -> None:
            hypervisor.destroy(machine.id)
            if machine.outcome is not None and machine.outcome.code is not None:
                leave_shutdown_message(directory / JOBOUTPUTS, str(machine.outcome))
            clear_private_parts(directory, KEPT)

        what = f"clearing away {machine.name} ({machine.id})"
        if await self._contained(clear, hypervisor, DESTROY_DEADLINE_SECONDS, what):
            self._roster.happen(machine.id, Happening.CLEARED)
            for over in [trouble for trouble in self.troubles if machine.id in trouble]:
                del self.troubles[over]

    async def _destroy(self, machine_id: str, hypervisor: Hypervisor) -> None:
        what = f"destroying machine {machine_id}"
        destroy = partial(hypervisor.destroy, machine_id)
        if await self._contained(destroy, hypervisor, DESTROY_DEADLINE_SECONDS, what):
            self.look_again(hypervisor.name)

    async def _contained(
        self, function: Callable[[], None], hypervisor: Hypervisor, deadline: float, what: str
    ) -> bool:
        try:
            await self._calls(function, deadline=deadline, what=what, lane=f"ending on {hypervisor.name}")
        except PluginError as error:
            if what not in self.troubles:
                said = str(error) if str(error).startswith(what) else f"{what}: {error}"
                _log.error("%s; it will be tried again", said)
            self.troubles[what] = str(error)
            return False
        self.troubles.pop(what, None)
        return True

    def _start(self, machine_id: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks[machine_id] = task
        task.add_done_callback(partial(self._done, machine_id))

    def _done(self, machine_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(machine_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.troubles[machine_id] = str(error)
            _log.error("machine %s: %s; it will be tried again", machine_id, error)

    async def close(self) -> None:
        """Wait for what is under way; whatever is left is done at the next start."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _stop_reason(machine: Machine) -> StopReason | None:
    if _STOP not in machine.details:
        return None
    code = machine.details.get(_STOP_CODE, "")
    return StopReason(machine.details[_STOP], int(code) if code else None)
