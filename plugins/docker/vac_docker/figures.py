"""Processor time and memory of containers, asked for seldom enough to be cheap for many."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import attrs

from vac_docker.engine import Engine
from vac_docker.errors import EngineError
from vac_docker.observe import Seen

_FRESH_SECONDS: Final = 15.0
_AT_ONE_TIME: Final = 16


@attrs.frozen
class Usage:
    """What a container used."""

    cpu_seconds: float
    memory_bytes: int
    at: float = 0.0
    """When it was asked, by the monotonic clock."""


class Figures:
    """The latest of each machine. An engine answers with its next measurement, up to a second later: all are asked at
    one time, by threads for which nobody waits.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._latest: dict[str, Usage] = {}
        self._lock = threading.Lock()
        self._round: threading.Thread | None = None

    def refresh(self, seen: Iterable[Seen]) -> Mapping[str, Usage]:
        """What is known, by the machine's id. Those whose figures are old are asked anew, for the next to look."""
        there = {one.machine_id: one for one in seen}
        with self._lock:
            self._latest = {machine_id: usage for machine_id, usage in self._latest.items() if machine_id in there}
            old = [one for one in there.values() if one.state == "running" and self._is_old(one.machine_id)]
            if old and (self._round is None or not self._round.is_alive()):
                self._round = threading.Thread(
                    target=self._ask_all, args=(old,), name="vac-docker-figures", daemon=True
                )
                self._round.start()
            return dict(self._latest)

    def settled(self, seen: Iterable[Seen]) -> Mapping[str, Usage]:
        """As `refresh`, for whoever can wait until all have answered."""
        known = list(seen)
        self.refresh(known)
        self.close()
        return self.refresh(known)

    def close(self) -> None:
        """Wait for the answers that are under way."""
        if self._round is not None:
            self._round.join()

    def _is_old(self, machine_id: str) -> bool:
        known = self._latest.get(machine_id)
        return known is None or time.monotonic() - known.at > _FRESH_SECONDS

    def _ask_all(self, old: list[Seen]) -> None:
        with ThreadPoolExecutor(_AT_ONE_TIME, thread_name_prefix="vac-docker-figures") as asking:
            for one, found in zip(old, asking.map(self._ask, old), strict=True):
                if found is not None:
                    self._keep(one.machine_id, found)

    def _keep(self, machine_id: str, found: Usage) -> None:
        with self._lock:
            before = self._latest.get(machine_id)
            used = max(found.cpu_seconds, before.cpu_seconds if before else 0.0)
            self._latest[machine_id] = attrs.evolve(found, cpu_seconds=used)

    def _ask(self, one: Seen) -> Usage | None:
        try:
            with self._engine.asked("asking what a container uses") as client:
                return usage(client.stats(one.container_id, stream=False, one_shot=True), time.monotonic())
        except EngineError:
            return None  # it has just ended, or the engine has


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
