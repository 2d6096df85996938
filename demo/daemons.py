"""The factories as real daemons: each a process of its own that is started, asked, killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from demo.site import Place

START_SECONDS: Final = 30.0
_END_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 3.0


class DaemonError(Exception):
    """A daemon does not do what the demo needs; the message says what, and where its log is."""


class Daemon:
    """One factory's daemon."""

    def __init__(self, place: Place, shared_site: Path, logs: Path) -> None:
        self.place = place
        self.log = logs / f"{place.name}.log"
        self._site_files = (shared_site, place.site_file)
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def up(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, and wait until it says by sd_notify(3) that it is ready; raises `DaemonError`."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                env=_environment(self._listen()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the terminal's Ctrl-C is for the demo, which ends the daemons in its own way
            )
        await self._ready(self._told, self._process)
        connector = aiohttp.UnixConnector(str(self.place.state_dir / "control.sock"))
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(_ANSWER_SECONDS))

    def _listen(self) -> Path:
        """Where the daemon may tell how it is, as long as it lives."""
        self._told.close()
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.setblocking(False)
        address = self.place.root / f"{self.place.name}.notify"
        address.unlink(missing_ok=True)
        self._told.bind(str(address))
        return address

    def _command(self) -> list[str]:
        vac = Path(sys.executable).with_name("vac")
        sites = [word for path in self._site_files for word in ("--config", str(path))]
        return [str(vac), *sites, "--state-dir", str(self.place.state_dir), "factory", "run"]

    async def _ready(self, told: socket.socket, process: asyncio.subprocess.Process) -> None:
        ended = asyncio.create_task(process.wait())
        heard = asyncio.create_task(_hear_ready(told))
        done, _ = await asyncio.wait({ended, heard}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        heard.cancel()
        if heard not in done:
            raise DaemonError(f"the factory {self.place.name} did not start: see {self.log}")

    async def kill(self) -> None:
        """End it with SIGKILL: it can neither finish anything nor tell anybody."""
        await self._forget_session()
        if self._process is not None and self.up:
            self._process.kill()
            await self._process.wait()

    async def end(self) -> None:
        """End it as a service manager does: SIGTERM, and SIGKILL where that has not helped."""
        await self._forget_session()
        if self._process is not None and self.up:
            await self._terminate(self._process)
        self._told.close()

    async def _terminate(self, process: asyncio.subprocess.Process) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS)
        except TimeoutError:
            await self.kill()

    async def _forget_session(self) -> None:
        session, self._session = self._session, None  # first of all: who looks meanwhile must not find a closed one
        if session is not None:
            await session.close()

    async def status(self) -> Mapping[str, Any] | None:
        """All that it says of itself; None where it does not answer."""
        return await self._ask("GET", "/status", None)

    async def tell(self, path: str, words: Mapping[str, Any]) -> None:
        """Give it an order such as ``/drain``; one that does not answer is left alone."""
        await self._ask("POST", path, dict(words))

    async def _ask(self, method: str, path: str, words: dict[str, Any] | None) -> Mapping[str, Any] | None:
        if self._session is None:
            return None
        try:
            async with self._session.request(method, f"http://factory{path}", json=words) as answer:
                said = await answer.json()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
        return said if answer.ok and isinstance(said, dict) else None


def _environment(notify: Path) -> dict[str, str]:
    """What a daemon is given of our own environment: machines find the same python3 by PATH."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    return kept | {"PATH": path, "NOTIFY_SOCKET": str(notify)}


async def _hear_ready(told: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while b"READY=1" not in await loop.sock_recv(told, 4096):
        pass
