"""Processor time and memory of containers, asked for seldom enough to be cheap for many."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from vac_docker.engine import Engine
from vac_docker.errors import EngineError, EngineGoneError
from vac_docker.observe import Seen

_FRESH_SECONDS: Final = 10.0


@attrs.frozen
class Usage:
    """What a container used."""

    cpu_seconds: float
    memory_bytes: int
    at: float = 0.0
    """When it was asked, by the monotonic clock."""


class Figures:
    """The latest of each machine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._latest: dict[str, Usage] = {}
        self._lock = threading.Lock()

    def refresh(self, seen: Iterable[Seen]) -> Mapping[str, Usage]:
        """Ask anew for running machines whose figures are old, forget those that are gone, and return all by id."""
        there = {one.machine_id: one for one in seen}
        with self._lock:
            self._latest = {machine_id: usage for machine_id, usage in self._latest.items() if machine_id in there}
            now = time.monotonic()
            old = [
                one
                for machine_id, one in there.items()
                if one.state == "running" and self._age(machine_id, now) > _FRESH_SECONDS
            ]
            for one in old:
                if (usage := self._ask(one)) is not None:
                    before = self._latest.get(one.machine_id)
                    used = max(usage.cpu_seconds, before.cpu_seconds if before else 0.0)
                    self._latest[one.machine_id] = attrs.evolve(usage, cpu_seconds=used)
            return dict(self._latest)

    def _age(self, machine_id: str, now: float) -> float:
        known = self._latest.get(machine_id)
        return _FRESH_SECONDS + 1.0 if known is None else now - known.at

    def _ask(self, one: Seen) -> Usage | None:
        try:
            with self._engine.asked("asking what a container uses") as client:
                return usage(client.stats(one.container_id, stream=False, one_shot=True), time.monotonic())
        except EngineGoneError:
            raise
        except EngineError:
            return None  # it has just ended


def usage(stats: Mapping[str, Any], at: float) -> Usage | None:
    """Read the answer to ``/containers/ID/stats``; None where it holds no figures, as for one that has just ended."""
    cpu = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    memory = stats.get("memory_stats") or {}
    if not isinstance(cpu, int) or cpu <= 0:
        return None
    cache = (
        (memory.get("stats") or {}).get("inactive_file") or (memory.get("stats") or {}).get("total_inactive_file") or 0
    )
    used = memory.get("usage")
    return Usage(cpu / 1e9, max(0, used - cache) if isinstance(used, int) and isinstance(cache, int) else 0, at)
