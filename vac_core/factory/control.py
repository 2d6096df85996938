"""The commands' way into a running factory: HTTP over a Unix socket, whose file's permissions are the authority."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import attrs
from aiohttp import web

from vac_core.decide.ends import requested
from vac_core.factory import console, status
from vac_core.factory.factory import Factory
from vac_core.factory.journal import JournalError
from vac_core.factory.records import machine_as_json
from vac_core.interfaces import PluginError
from vac_core.model import MachineState
from vac_core.plugins import Registry

_log = logging.getLogger(__name__)

_MODE = 0o660
_REQUEST_MAX = 65536
LOG_OCTETS: Final = 1048576
"""Most that is shown of a machine's log at one time."""
_LATEST: Final = 253402300800
"""The end of the year 9999, the last that can be shown."""
SOCKET_PATH_MAX = 107
"""Octets that the kernel takes for a Unix socket's path (unix(7))."""


@attrs.frozen
class Control:
    """Answers the commands of one factory."""

    factory: Factory
    registry: Registry
    started: float

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application(client_max_size=_REQUEST_MAX, middlewares=[_refusals_as_json])
        application.add_routes(
            [
                web.get("/status", self._status),
                web.get("/machines", self._machines),
                web.get("/why", self._why),
                web.get("/plugins", self._plugins),
                web.get("/log", self._log),
                web.post("/drain", self._drain),
                web.post("/undrain", self._undrain),
                web.post("/stop", self._stop),
                web.post("/reload", self._reload),
            ]
        )
        return application

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(status.status(self.factory, self.registry, self.started))

    async def _machines(self, _request: web.Request) -> web.Response:
        return web.json_response({"machines": status.machines(self.factory)})

    async def _why(self, _request: web.Request) -> web.Response:
        return web.json_response(status.why(self.factory))

    async def _plugins(self, _request: web.Request) -> web.Response:
        return web.json_response({"plugins": [record.as_json() for record in self.registry.records]})

    async def _log(self, request: web.Request) -> web.Response:
        name = request.query.get("machine", "")
        machine = console.find(name, self.factory.roster)
        if machine is None:
            raise web.HTTPNotFound(
                text=f"no machine '{name}' is or was here: 'vac machines' and 'vac history' list them"
            )
        given = self.factory.given
        hypervisor = given.crew.hypervisors.get(machine.hypervisor)
        try:
            most = _octets(request.query.get("octets", ""))
            said = await console.console_log(machine, hypervisor, given.state, given.calls, most)
        except PluginError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from None
        text = said.decode("utf-8", "replace")
        return web.json_response({"machine": machine.id, "name": machine.name, "alive": machine.alive, "log": text})

    async def _drain(self, request: web.Request) -> web.Response:
        words = await _words(request)
        until = _time(words.get("until"))
        self.factory.draining.start(until, str(words.get("reason") or ""), self.factory.given.clock())
        self.factory.wake()
        return web.json_response({"draining": True, "until": until})

    async def _undrain(self, _request: web.Request) -> web.Response:
        self.factory.draining.stop(self.factory.given.clock())
        self.factory.wake()
        still = self.factory.draining.in_force(self.factory.site.settings)
        return web.json_response({"draining": still.on, "reason": still.reason})

    async def _stop(self, request: web.Request) -> web.Response:
        words = await _words(request)
        name = str(words.get("machine") or "")
        machine = self.factory.roster.find(name)
        if machine is None:
            raise web.HTTPNotFound(text=f"there is no machine '{name}' alive here: 'vac machines' lists them")
        if machine.state is MachineState.PLANNED:
            raise web.HTTPConflict(text=f"{machine.name} is still being made: try again when it runs")
        self.factory.ender.stop(machine, requested(str(words.get("reason") or "")))
        self.factory.wake()
        return web.json_response({"machine": machine_as_json(self.factory.roster.get(machine.id) or machine)})

    async def _reload(self, _request: web.Request) -> web.Response:
        await self.factory.follower.refresh(force=True)
        source = self.factory.given.source
        return web.json_response({"stale": source.stale, "problems": list(source.problems)})


def _octets(text: str) -> int:
    if not text:
        return LOG_OCTETS
    if text.isascii() and text.isdigit() and 0 < len(text) < 10:
        return min(max(int(text), 1), LOG_OCTETS)
    raise web.HTTPBadRequest(text="octets must be a whole number")


async def _words(request: web.Request) -> dict[str, Any]:
    try:
        words = await request.json() if request.can_read_body else {}
    except (ValueError, LookupError, RecursionError):  # no JSON, no charset that is known, nested without end
        raise web.HTTPBadRequest(text="the request's body is not JSON") from None
    if not isinstance(words, dict):
        raise web.HTTPBadRequest(text="the request's body must be a JSON object")
    return words


def _time(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST:
        return value
    raise web.HTTPBadRequest(text="until must be a time in Unix seconds, or null")


@web.middleware
async def _refusals_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        return web.json_response({"error": refusal.text or refusal.reason}, status=refusal.status)
    except JournalError as error:
        return web.json_response({"error": str(error)}, status=web.HTTPServiceUnavailable.status_code)
    except Exception as error:  # noqa: BLE001 - a command gets its answer whatever a plugin has left behind
        _log.exception("%s %s could not be answered", request.method, request.path)
        said = f"the factory could not answer: {type(error).__name__}: {error}"
        return web.json_response({"error": said}, status=web.HTTPInternalServerError.status_code)


async def serve(control: Control, path: Path) -> web.AppRunner:
    """Serve on a Unix socket; one that a dead daemon left is replaced. Raises `OSError`."""
    _make_way(path)
    runner = web.AppRunner(control.application(), access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    _let_in(path)
    return runner


def _make_way(path: Path) -> None:
    if len(bytes(path)) > SOCKET_PATH_MAX:
        raise OSError(f"the path of the control socket is longer than {SOCKET_PATH_MAX} octets: {path}")
    path.unlink(missing_ok=True)


def _let_in(path: Path) -> None:
    path.chmod(_MODE)
