"""How plugins' threads reach the factory: a bell that has it decide anew, and a look at what machines have used."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping

from vac_core.interfaces import Hypervisor

_log = logging.getLogger(__name__)


class Bell:
    """Rung from any thread, heard on the event loop; `heard` may be set once there is somebody to hear it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.heard: Callable[[], None] = lambda: None

    def _hear(self) -> None:
        self.heard()

    def ring(self) -> None:
        """Have the factory decide anew soon."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is no factory any more
            self._loop.call_soon_threadsafe(self._hear)


def machines_cpu_seconds(hypervisors: Iterable[Hypervisor]) -> Mapping[str, float]:
    """CPU time that each machine has used by now, where its hypervisor can tell."""
    used: dict[str, float] = {}
    for hypervisor in hypervisors:
        try:
            listed = hypervisor.list_machines()
            used |= {one.machine_id: one.cpu_seconds for one in listed if one.cpu_seconds is not None}
        except (Exception, SystemExit) as error:  # noqa: BLE001 - one that cannot tell now leaves the others' word as it is
            _log.debug("hypervisor %s cannot tell what its machines use: %s", hypervisor.name, error)
    return used
