"""A hypervisor in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home, Hypervisor, MachineTypeError, Observed, PluginError, Urls
from vac_core.model import Health
from vac_core.powers import MEDIA, Resources
from vac_core.testing.host import FakeHost, FakeMachine


class FakeHypervisor(Hypervisor):
    """What a daemon has of a fake host. Give a restarted daemon a new one of the same host."""

    def __init__(
        self, host: FakeHost | None = None, *, name: str = "fake", machine_models: frozenset[str] = frozenset({"fake"})
    ) -> None:
        self.name = name
        self.machine_models = machine_models
        self.media = frozenset(MEDIA)
        self.host = host or FakeHost()
        self._factory = ""

    def start(self, home: Home) -> None:
        """Begin to act for a factory."""
        self._factory = home.factory
        self._act("start")

    def health(self) -> Health:
        """What the test has set."""
        return self.host.health

    def features_for(self, machine: object, directory: Path) -> Urls:
        """The directories themselves."""
        del machine
        return Urls(
            machinefeatures=str(directory / "machinefeatures"),
            jobfeatures=str(directory / "jobfeatures"),
            joboutputs=str(directory / "joboutputs"),
        )

    def create(self, request: CreateRequest) -> Mapping[str, str]:
        """Begin the life that the host has for this machine."""
        self._act("create")
        if not request.context.user_data:
            raise MachineTypeError(f"machinetype {request.machinetype.name}: its user_data is empty: give it some")
        life = self.host.lives(request)
        if life.refused is not None:
            raise life.refused
        if request.machine.id in self.host.machines:
            raise PluginError(f"machine {request.machine.id} is there already: destroy it first")
        self.host.add(request, self._factory, life)
        return {"fake": "yes"}

    def list_machines(self) -> Sequence[Observed]:
        """The host's machines of this factory."""
        self._act("list_machines")
        return [self._observed(one) for one in self.host.machines.values() if one.factory == self._factory]

    def _observed(self, one: FakeMachine) -> Observed:
        lived = (self.host.clock() if one.ended is None else one.ended) - one.created - one.life.runs_after
        ended = one.ended is not None
        return Observed(
            machine_id=one.machine_id,
            running=one.running,
            ended=ended,
            paused=one.paused,
            cpu_seconds=max(0.0, lived) * one.life.cpu_per_second,
            exit_code=one.life.exit_code if ended else None,
            note=one.life.note if ended else "",
        )

    def request_stop(self, machine_id: str) -> None:
        """Let the machine end as its life says."""
        self._act("request_stop")
        one = self._mine(machine_id)
        if one is not None and one.ended is None and one.life.heeds_stop_after is not None:
            self.host.pause(one, False)
            after, message = one.life.heeds_stop_after, one.life.message
            self.host.clock.call_later(after, lambda: self.host.end(one, message))

    def destroy(self, machine_id: str) -> None:
        """End it without a message, and forget it."""
        self._act("destroy")
        one = self._mine(machine_id)
        if one is not None:
            self.host.end(one)
            del self.host.machines[machine_id]

    def pause(self, machine_id: str) -> None:
        """Hold it still."""
        self._act("pause")
        if (one := self._mine(machine_id)) is not None:
            self.host.pause(one, True)

    def resume(self, machine_id: str) -> None:
        """Let it go on."""
        self._act("resume")
        if (one := self._mine(machine_id)) is not None:
            self.host.pause(one, False)

    def cap(self, machine_id: str, part: float | None) -> None:
        """Note what it is held to."""
        self._act("cap")
        if (one := self._mine(machine_id)) is not None:
            one.part = part

    def console_log(self, machine_id: str, most_octets: int) -> bytes:
        """A line that says which life it lives."""
        self._act("console_log")
        one = self._mine(machine_id)
        return b"" if one is None else f"life {one.machine_id}\n".encode()[-most_octets:]

    def resources(self, machinetypes: Sequence[MachineType]) -> Resources:
        """What the test has set, for those machinetypes that there are."""
        self._act("resources")
        names = {one.name for one in machinetypes}
        told = self.host.resources
        return attrs.evolve(
            told,
            demands={name: one for name, one in told.demands.items() if name in names},
            refusals={name: one for name, one in told.refusals.items() if name in names},
        )

    def watch(self, changed: Callable[[str], None]) -> None:
        """Tell this daemon from now on."""
        self.host.listen(self._factory, changed)

    def _mine(self, machine_id: str) -> FakeMachine | None:
        one = self.host.machines.get(machine_id)
        return one if one is not None and one.factory == self._factory else None

    def _act(self, what: str) -> None:
        if what in self.host.delays:
            self.host.clock.sleep(self.host.delays[what])
        if what in self.host.failures:
            raise self.host.failures[what]
