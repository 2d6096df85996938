"""A started hypervisor, as the contract's tests see it."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator

import attrs

from vac_core.interfaces import Home, Hypervisor, Observed


@attrs.define
class Host:
    """A started hypervisor as a test sees it: its machines by id, and news of them."""

    hypervisor: Hypervisor
    home: Home
    news: queue.SimpleQueue[str] = attrs.field(factory=queue.SimpleQueue)

    def find(self, machine_id: str) -> Observed | None:
        """The machine as it is listed; None where it is not."""
        found = [one for one in self.hypervisor.list_machines() if one.machine_id == machine_id]
        assert len(found) <= 1, f"machine {machine_id} is listed {len(found)} times"
        return found[0] if found else None

    def runs(self, machine_id: str) -> bool:
        """Whether it is listed as running."""
        return (one := self.find(machine_id)) is not None and one.running

    def paused(self, machine_id: str) -> bool | None:
        """Whether it is held still; None where it is not listed."""
        one = self.find(machine_id)
        return None if one is None else one.paused

    def has_ended(self, machine_id: str) -> bool:
        """Whether it is listed as ended."""
        return (one := self.find(machine_id)) is not None and one.ended


@contextlib.contextmanager
def opened(hypervisor: Hypervisor, home: Home) -> Iterator[Host]:
    """Start a hypervisor and watch it; stop it in the end."""
    host = Host(hypervisor, home)
    hypervisor.start(home)
    try:
        hypervisor.watch(host.news.put)
        yield host
    finally:
        hypervisor.stop()
