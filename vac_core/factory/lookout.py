"""Asking contextualisers what their machines have come to, where those watch them from outside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from vac_core.context.outputs import JOBOUTPUTS
from vac_core.decide.ends import StopReason
from vac_core.factory.calls import Calls
from vac_core.factory.ender import Ender
from vac_core.factory.outputs import leave_shutdown_message
from vac_core.factory.roster import Roster
from vac_core.factory.state_dir import StateDir
from vac_core.interfaces import PluginError
from vac_core.model import Machine, MachineState, Outcome
from vac_core.powers import WatchesMachines

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
LOOK_DEADLINE_SECONDS: Final = 20.0
_WATCHED: Final = frozenset({MachineState.RUNNING, MachineState.PAUSED})


@attrs.frozen
class Lookout:
    """Ends machines that have come to something, and lets each be looked at once more when it has ended."""

    state: StateDir
    roster: Roster
    ender: Ender
    calls: Calls
    contextualiser_of: Callable[[Machine], object]
    """The contextualiser of a machine; None where it is not known or not in use."""
    failing: dict[str, str] = attrs.field(factory=dict, init=False)
    """What went wrong with a look, by the machine's id; gone once one succeeds, or the machine is."""

    async def run(self) -> None:
        """Look every `LOOK_SECONDS`, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look at all that run, and ask those to end that have come to a shutdown message."""
        alive = self.roster.alive
        for over in self.failing.keys() - {machine.id for machine in alive}:
            del self.failing[over]
        running = [machine for machine in alive if machine.state in _WATCHED]
        for machine, message in await self._messages(running, ended=False):
            outcome, current = Outcome.from_shutdown_message(message), self.roster.get(machine.id)
            if current is not None:
                self.ender.stop(current, StopReason(outcome.text, outcome.code))

    async def last_look(self, machines: Iterable[Machine]) -> None:
        """Look once more at machines that have ended, before their outcomes are settled."""
        await self._messages([machine for machine in machines if machine.state is not MachineState.PLANNED], ended=True)

    async def _messages(self, machines: Iterable[Machine], *, ended: bool) -> list[tuple[Machine, str]]:
        watched: list[tuple[Machine, WatchesMachines]] = []
        for machine in machines:
            one = self.contextualiser_of(machine)
            if isinstance(one, WatchesMachines):
                watched.append((machine, one))
        said = await asyncio.gather(*(self._asked(one, machine, ended) for machine, one in watched))
        return [(machine, message) for (machine, _), message in zip(watched, said, strict=True) if message]

    async def _asked(self, one: WatchesMachines, machine: Machine, ended: bool) -> str:
        """What a machine has come to, which it then has as its shutdown message."""
        directory = self.state.machine(machine.id)

        def look() -> str:
            message = one.look(machine, directory, ended=ended)
            if message:
                if Outcome.from_shutdown_message(message).code is None:
                    raise PluginError(f"{message!r} is no shutdown message: it must begin with a code of three digits")
                leave_shutdown_message(directory / JOBOUTPUTS, message)
            return message

        who = f"contextualiser {getattr(one, 'name', '')}"
        what = f"{who}, looking at {machine.name} ({machine.id})"
        try:
            message = await self.calls(look, deadline=LOOK_DEADLINE_SECONDS, what=what, lane=who)
        except PluginError as error:
            if self.failing.get(machine.id) != str(error):
                _log.error("%s: %s", what, error)
            self.failing[machine.id] = str(error)
            return ""
        self.failing.pop(machine.id, None)
        return message
