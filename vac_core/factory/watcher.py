"""Looking at the hypervisors and bringing the journal up to what they show."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import attrs

from vac_core.factory.calls import Calls
from vac_core.factory.ender import Ender
from vac_core.factory.reconcile import Finding, reconcile
from vac_core.factory.roster import Roster
from vac_core.factory.usage import UsageMeter
from vac_core.interfaces import Hypervisor, Observed, PluginError
from vac_core.model import Happening, Machine
from vac_core.situation import WISHED, WISHED_WHY

_log = logging.getLogger(__name__)

LIST_DEADLINE_SECONDS: Final = 30.0


class Watcher:
    """Keeps the roster true to the hypervisors; `troubles` names those that could not be asked."""

    def __init__(
        self,
        hypervisors: Mapping[str, Hypervisor],
        roster: Roster,
        ender: Ender,
        calls: Calls,
        clock: Callable[[], float],
    ) -> None:
        self._hypervisors = hypervisors
        self._roster = roster
        self._ender = ender
        self._calls = calls
        self._clock = clock
        self.usage = UsageMeter()
        self.troubles: dict[str, str] = {}
        self.before_end: Callable[[Sequence[Machine]], Awaitable[None]] = _nothing
        """Awaited with machines that have ended, before their outcomes are settled."""

    async def look(self, hypervisor: Hypervisor, in_creation: set[str]) -> None:
        """List one hypervisor's machines and journal what happened to them."""
        # What is made or cleared away while the list is taken may or may not be on it: of that, this look says nothing.
        before = {machine.id for machine in self._roster.unfinished}
        settled = before - in_creation
        try:
            listed = await self._calls(
                partial(_listed, hypervisor),
                deadline=LIST_DEADLINE_SECONDS,
                what=f"hypervisor {hypervisor.name}, asked for its machines,",
            )
        except PluginError as error:
            self._trouble(hypervisor.name, str(error))
            return
        self.troubles.pop(hypervisor.name, None)
        there = {one.machine_id for one in listed if not one.ended}
        await self.before_end(
            [
                machine
                for machine in self._roster.alive
                if machine.hypervisor == hypervisor.name and machine.id in settled and machine.id not in there
            ]
        )
        ours = [machine for machine in self._roster.unfinished if machine.hypervisor == hypervisor.name]
        now = {machine.id for machine in ours}
        reconciliation = reconcile(ours, listed, frozenset((before | now | in_creation) - (settled & now)))
        for finding in reconciliation.findings:
            self._bring_up_to_date(finding)
        for stray in reconciliation.strays:
            self._ender.clear_stray(stray, hypervisor)
        self.usage.forget_all_but({machine.id for machine in self._roster.alive})

    def _bring_up_to_date(self, finding: Finding) -> None:
        for happening in finding.happenings:
            if happening is Happening.GONE:
                self._ender.conclude(finding.machine.id, finding.observed)
            else:
                why, changes = self._why(finding.machine.id, happening), self._changes(happening)
                self._roster.happen(finding.machine.id, happening, why, **changes)
        if finding.observed is not None and finding.observed.running:
            self._freshen(finding.machine.id, finding.observed)

    def _why(self, machine_id: str, happening: Happening) -> str:
        """Why a machine is held still or goes on, where a policy wished for that."""
        machine = self._roster.get(machine_id)
        if machine is None or machine.details.get(WISHED) != happening:
            return ""
        return machine.details.get(WISHED_WHY, "")

    def _changes(self, happening: Happening) -> dict[str, Any]:
        now = self._clock()
        return {"started": now, "heartbeat": now} if happening is Happening.SEEN_RUNNING else {}

    def _freshen(self, machine_id: str, observed: Observed) -> None:
        """Keep the newest figures of a running machine in memory; the periodic pass writes them down."""
        machine = self._roster.get(machine_id)
        if machine is None:
            return
        now = self._clock()
        cpu_seconds = machine.cpu_seconds if observed.cpu_seconds is None else observed.cpu_seconds
        percentage = self.usage.percentage(machine_id, cpu_seconds, now)
        if percentage is None:
            percentage = machine.cpu_percentage
        fresh = attrs.evolve(machine, heartbeat=now, cpu_seconds=cpu_seconds, cpu_percentage=percentage)
        self._roster.freshen(fresh)

    def _trouble(self, name: str, message: str) -> None:
        if self.troubles.get(name) != message:
            _log.error("%s", message)
        self.troubles[name] = message


async def _nothing(_machines: Sequence[Machine]) -> None:
    return


def _listed(hypervisor: Hypervisor) -> list[Observed]:
    listed = list(hypervisor.list_machines())
    wrong = next((one for one in listed if not isinstance(one, Observed)), None)
    if wrong is not None:
        raise PluginError(f"hypervisor {hypervisor.name} listed {type(wrong).__name__}, not Observed")
    for one in listed:
        _check(one)
    return listed


def _check(one: Observed) -> None:
    """Raise `PluginError` for figures that would go wrong later, far from where they came from."""
    if not isinstance(one.machine_id, str) or not isinstance(one.note, str):
        raise PluginError(f"machine_id {one.machine_id!r} and note {one.note!r} must be texts")
    cpu = one.cpu_seconds
    if cpu is not None and not (isinstance(cpu, int | float) and math.isfinite(cpu) and cpu >= 0):
        raise PluginError(f"machine {one.machine_id} has cpu_seconds {cpu!r}: it must be a finite number, 0 or more")
    if one.exit_code is not None and not isinstance(one.exit_code, int):
        raise PluginError(f"machine {one.machine_id} has exit_code {one.exit_code!r}: it must be a whole number")
