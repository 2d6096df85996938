"""How machines ended: asked of the engine once for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vac_docker.containers import Containers
from vac_docker.observe import Ending, Seen


class Endings:
    """Remembers them as long as their containers are there."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self._known: dict[str, Ending] = {}

    def of(self, seen: Iterable[Seen]) -> Mapping[str, Ending]:
        """Those of the containers that have ended, by the machine's id; raises `EngineError`."""
        ended = [one for one in seen if one.ended]
        known = self._known
        self._known = {
            one.container_id: known.get(one.container_id) or self._containers.ending(one.container_id) for one in ended
        }
        return {one.machine_id: self._known[one.container_id] for one in ended}
