"""What runs on a host, in memory: machines that live lives which a test has written down."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from vac_core.interfaces import CreateRequest
from vac_core.model import Health
from vac_core.powers import Resources
from vac_core.testing.clock import VirtualClock


@attrs.frozen(kw_only=True)
class Life:
    """What happens to one machine. Times are seconds after it was created; None is for never."""

    runs_after: float = 0.0
    ends_after: float | None = None
    message: bytes | None = b"200 Success"
    """What it leaves as shutdown_message when it ends by itself, or heeds a request to stop."""
    outputs: Mapping[str, bytes] = attrs.field(factory=dict)
    """Further files that it leaves in its joboutputs as soon as it runs."""
    exit_code: int | None = 0
    note: str = ""
    heeds_stop_after: float | None = 0.0
    """Seconds after a request to stop."""
    cpu_per_second: float = 1.0
    refused: Exception | None = None
    """What `create` raises in its place."""


@attrs.define(kw_only=True)
class FakeMachine:
    """A machine that a fake host has."""

    machine_id: str
    factory: str
    directory: Path
    life: Life
    created: float
    running: bool = False
    ended: float | None = None
    paused: bool = False
    part: float | None = None
    """Of its processors' time, which it is held to."""


class FakeHost:
    """The truth of what runs: it stays as it is when a factory's daemon dies and another begins."""

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock or VirtualClock()
        self.machines: dict[str, FakeMachine] = {}
        self.lives: Callable[[CreateRequest], Life] = lambda _request: Life()
        """Which life a new machine gets."""
        self.delays: dict[str, float] = {}
        """Seconds that a method takes, by its name; `math.inf` hangs it for ever. For loops on virtual time."""
        self.failures: dict[str, Exception] = {}
        """What a method raises, by its name."""
        self.health = Health()
        self.resources = Resources()
        """What the host has of scarce things, and what machinetypes need of them."""
        self._told: dict[str, Callable[[str], None]] = {}

    def listen(self, factory: str, changed: Callable[[str], None]) -> None:
        """Whom to tell of changes of a factory's machines; a restarted factory takes the place of the one before."""
        self._told[factory] = changed

    def add(self, request: CreateRequest, factory: str, life: Life) -> None:
        """Take in a machine and set the alarms of its life."""
        one = FakeMachine(
            machine_id=request.machine.id,
            factory=factory,
            directory=request.directory,
            life=life,
            created=self.clock(),
        )
        self.machines[one.machine_id] = one
        if life.runs_after > 0:
            self.clock.call_later(life.runs_after, lambda: self._run(one))
        else:
            self._run(one)
        if life.ends_after is not None:
            self.clock.call_later(life.ends_after, lambda: self.end(one, life.message))

    def _run(self, one: FakeMachine) -> None:
        if one.ended is None:
            one.running = True
            for name, content in one.life.outputs.items():
                _leave(one.directory, name, content)
            self._tell(one)

    def end(self, one: FakeMachine, message: bytes | None = None) -> None:
        """End a machine, leaving this shutdown message if any; one that has ended or was destroyed stays so."""
        if one.ended is None and self.machines.get(one.machine_id) is one:
            one.running, one.paused, one.ended = False, False, self.clock()
            if message is not None:
                _leave(one.directory, "shutdown_message", message)
            self._tell(one)

    def pause(self, one: FakeMachine, paused: bool) -> None:
        """Hold a running machine still, or let it go on."""
        if one.running and one.paused != paused:
            one.paused = paused
            self._tell(one)

    def _tell(self, one: FakeMachine) -> None:
        if one.factory in self._told:
            self._told[one.factory](one.machine_id)


def _leave(directory: Path, name: str, content: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):  # the factory may have cleared the directory away
        (directory / "joboutputs" / name).write_bytes(content)
