"""A control service that answers what a test tells it, over a real Unix socket: for commands that ask a factory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from vac_core.testing.makers import FACTORY, NOW, SPACE


class FakeControl:
    """Stands for a running factory's control service while it is entered.

    ``answers`` gives, by method and path such as ``GET /why``, a JSON-ready value, or bytes that are sent as they are;
    ``refusals`` in the same way a status and its JSON-ready body. ``requests`` collects what was asked, each as method
    and path with the body. It runs in a thread of its own, for commands have an event loop of their own.
    """

    def __init__(self, state_dir: Path) -> None:
        self.socket = state_dir / "control.sock"
        self.answers: dict[str, Any] = {"GET /status": status(), "GET /why": why()}
        self.refusals: dict[str, tuple[int, Any]] = {}
        self.requests: list[tuple[str, Any]] = []
        self.on_request: Callable[[], object] = lambda: None
        """Called, in the service's thread, after each request was noted."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-control", daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(timeout=60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=60)
        self._loop.close()

    async def _open(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        asked = f"{request.method} {request.path}"
        self.requests.append(
            (f"{request.method} {request.path_qs}", await request.json() if request.can_read_body else None)
        )
        self.on_request()
        if asked in self.refusals:
            code, body = self.refusals[asked]
            return web.json_response(body, status=code)
        if asked not in self.answers:
            return web.json_response({"error": f"nothing answers {asked}"}, status=404)
        answer = self.answers[asked]
        return web.Response(body=answer) if isinstance(answer, bytes) else web.json_response(answer)


def status(**changes: Any) -> dict[str, Any]:
    """What ``GET /status`` answers: a factory of 8 processors, where two VOs share the space and two machines run."""
    made: dict[str, Any] = {
        "factory": FACTORY,
        "space": SPACE,
        "version": "1.0.0",
        "pid": 4242,
        "started": NOW - 86400.0,
        "now": NOW,
        "draining": False,
        "drain_until": None,
        "capacity": {"processors": 8, "busy": 3, "free": 5},
        "load_averages": [1.5, 1.25, 1.0],
        "config": {"read": NOW - 60.0, "problems": [], "stale": False},
        "plugins": [],
        "peers": {"heard": 2, "silent": [], "polled": NOW - 1.0},
        "totals": {"atlas": total(3.0, 10.0), "lhcb": total(1.0, 30.0)},
        "machines": [shown_machine(0, "lhcb"), shown_machine(1, "atlas", processors=2, state="starting")],
        "disabled": {},
        "why": why(),
        "http": {"url": "http://127.0.0.1:8080"},
        "troubles": {},
    }
    return {**made, **changes}


def total(share: float, hs06: float, **changes: Any) -> dict[str, Any]:
    """One machinetype of the space's totals."""
    made = {
        "target_share": share,
        "group": "vo",
        "running_hs06": hs06,
        "running_machines": int(hs06),
        "num_before_fizzle": 1,
        "last_abort": None,
    }
    return {**made, **changes}


def shown_machine(slot: int, machinetype: str, **changes: Any) -> dict[str, Any]:
    """One machine of a status."""
    made = {
        "id": f"00000000-0000-4000-8000-{slot:012}",
        "name": f"wn01-{slot:02}.example.org",
        "slot": slot,
        "machinetype": machinetype,
        "state": "running",
        "processors": 1,
        "hs06": 10.0,
        "created": NOW - 3600.0,
    }
    return {**made, **changes}


def why(**changes: Any) -> dict[str, Any]:
    """What ``GET /why`` answers: ``lhcb`` is next, ``atlas`` backs off."""
    ranks = [{"policy": "target-shares", "value": 0.125, "reason": "runs 10 HS06 for a share of 3"}]
    held = [{"policy": "backoff", "reason": "one ended with 300 no work", "until": NOW + 90.0}]
    standing = {"machinetype": "lhcb", "place": 1, "state": "next", "reasons": [], "ranks": ranks}
    vetoed = {"machinetype": "atlas", "place": None, "state": "vetoed", "reasons": held, "ranks": []}
    start = {"machinetype": "lhcb", "processors": 2, "shutdown_time": NOW + 86400.0, "reason": "the lowest rank"}
    made = {"now": NOW, "host": [], "machinetypes": [vetoed, standing], "starts": [start], "failures": {}}
    return {**made, **changes}
