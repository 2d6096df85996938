"""Our containers on an engine: found by their labels, never by name alone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from vac_core.interfaces import PluginError
from vac_docker.engine import Engine
from vac_docker.errors import ConflictError, EngineError, NotThereError
from vac_docker.labels import MACHINE, has, label_filter
from vac_docker.observe import RUNNING, Ending, Seen

if TYPE_CHECKING:
    from docker.types import ContainerConfig

_STOP: Final = "SIGTERM"
_END_SECONDS: Final = 10


class Containers:
    """Those of one factory."""

    def __init__(self, engine: Engine, labels: Mapping[str, str]) -> None:
        self._engine = engine
        self._labels = labels

    def all(self) -> list[Seen]:
        """Every one that exists, running or not."""
        return self._listed(self._labels)

    def of(self, machine_id: str) -> list[Seen]:
        """A machine's own: one, or none."""
        return self._listed({**self._labels, MACHINE: machine_id})

    def _listed(self, labels: Mapping[str, str]) -> list[Seen]:
        with self._engine.asked("listing containers") as client:
            listed = client.containers(all=True, filters=label_filter(labels))
        # Looked at again: to take another's for ours would be to destroy it.
        return [one for one in map(Seen.of, listed) if has(one.labels, labels)]

    def confirmed(self, seen: Seen) -> Seen | None:
        """As a closer look at one shows it, where the list may be a moment behind; None where it is gone."""
        inspected = self._inspected(seen.container_id)
        if inspected is None:
            return None
        return attrs.evolve(seen, state=str((inspected.get("State") or {}).get("Status") or seen.state).lower())

    def create(self, name: str, body: ContainerConfig) -> str:
        """Create one by this name and return its id; an ended one of ours that still has the name yields it."""
        what = f"creating the container {name}"
        try:
            return self._create(name, body, what)
        except ConflictError:
            self._take_over(name)
            return self._create(name, body, what)

    def _create(self, name: str, body: ContainerConfig, what: str) -> str:
        with self._engine.asked(what) as client:
            return str(client.create_container_from_config(body, name)["Id"])

    def _take_over(self, name: str) -> None:
        """Rename what is left of an earlier machine in the slot; raises `PluginError` for what is not ours to touch."""
        inspected = self._inspected(name)
        if inspected is None:
            return
        labels = (inspected.get("Config") or {}).get("Labels") or {}
        if not has(labels, self._labels) or MACHINE not in labels:
            raise PluginError(
                f"a container named {name} is there already, and it is not Vac's: remove it, or give it another name"
            )
        if (inspected.get("State") or {}).get("Status") in RUNNING:
            raise PluginError(f"machine {labels[MACHINE]} still runs in the container {name}: destroy it first")
        with self._engine.asked(f"renaming the ended container {name}") as client, contextlib.suppress(NotThereError):
            client.rename(inspected["Id"], f"{name}-{labels[MACHINE]}")

    def _inspected(self, container: str) -> Mapping[str, Any] | None:
        try:
            with self._engine.asked(f"looking at the container {container}") as client:
                found: Mapping[str, Any] = client.inspect_container(container)
        except NotThereError:
            return None
        return found

    def start(self, container_id: str) -> None:
        """Start one."""
        with self._engine.asked("starting its container") as client:
            client.start(container_id)

    def ending(self, container_id: str) -> Ending:
        """How one ended."""
        return Ending.of(self._inspected(container_id) or {})

    def request_stop(self, seen: Seen) -> None:
        """Send process 1 the signal that its image wants for that, as ``docker stop`` does first, and do not wait."""
        inspected = self._inspected(seen.container_id) or {}
        signal = (inspected.get("Config") or {}).get("StopSignal") or _STOP
        ended = contextlib.suppress(NotThereError, ConflictError)
        with ended, self._engine.asked("asking a container to end") as client:
            client.kill(seen.container_id, signal=signal)
        if seen.state == "paused":
            self.unpause(seen.container_id)

    def pause(self, container_id: str) -> None:
        """Hold one still; one that is held or has ended is no error."""
        with contextlib.suppress(NotThereError, ConflictError), self._engine.asked("pausing a container") as client:
            client.pause(container_id)

    def unpause(self, container_id: str) -> None:
        """Let one go on; one that does already is no error: the engine itself frees what it is told to end."""
        try:
            with self._engine.asked("letting a container go on") as client:
                client.unpause(container_id)
        except EngineError:
            if self._paused(container_id):
                raise

    def _paused(self, container_id: str) -> bool:
        with self._engine.asked("looking at a container") as client:
            state = client.inspect_container(container_id).get("State") or {}
        return bool(state.get("Paused") or state.get("Status") == "paused")

    def limit_cpu(self, container_id: str, quota: int) -> None:
        """Let one use so many microseconds of processor time in each period; -1 for no such limit."""
        with self._engine.asked("limiting a container's processor time") as client:
            client.update_container(container_id, cpu_quota=quota)

    def end(self, container_id: str) -> None:
        """End one at once, and wait a little until all that it printed is written."""
        whatever = contextlib.suppress(EngineError)  # removing it by force comes next
        with whatever, self._engine.asked("ending a container") as client:
            client.kill(container_id, signal="SIGKILL")
            client.wait(container_id, timeout=_END_SECONDS, condition="not-running")

    def remove(self, container_id: str) -> None:
        """End one and take it away with its own volumes; one that is gone is no error."""
        with contextlib.suppress(NotThereError), self._engine.asked("removing a container") as client:
            client.remove_container(container_id, v=True, force=True)
