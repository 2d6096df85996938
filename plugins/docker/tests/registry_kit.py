"""A real registry of the tests' own, Debian's docker-registry, on loopback of an engine's box."""

from __future__ import annotations

import base64
import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, Final

import attrs
import bcrypt
from docker_kit import client_of
from image_server import wait_until

from vac_core.testing.box import DEADLINE, ContainerHost

ADDRESS: Final = "127.0.0.1:5000"
USER: Final = "vo"
PASSWORD: Final = "secret of the VO"
_CONFIGURATION: Final[dict[str, Any]] = {
    "version": 0.1,
    "log": {"level": "warn"},
    "storage": {"filesystem": {"rootdirectory": "/run/registry"}, "delete": {"enabled": True}},
    "http": {"addr": ADDRESS},
    "auth": {"htpasswd": {"realm": "vac-tests", "path": "/run/htpasswd"}},
}


@attrs.define(eq=False)
class Registry:
    """A registry that knows one user."""

    host: ContainerHost
    process: subprocess.Popen[Any] | None = None

    def begin(self) -> None:
        """Start it, and wait until it listens."""
        box = self.host.box
        salted = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        box.path("/run/htpasswd").write_text(f"{USER}:{salted}\n", "ascii")
        box.path("/run/registry.yml").write_text(json.dumps(_CONFIGURATION), "utf-8")
        with box.path("/run/registry.log").open("ab") as log:
            argv = ["docker-registry", "serve", "/run/registry.yml"]
            self.process = box.popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        wait_until(self._listens)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.host.box.path("/run/registry.log").read_text("utf-8", "replace")
        try:
            self.host.box.call(socket.create_connection, ("127.0.0.1", 5000), 1.0).close()
        except ConnectionRefusedError:
            return False
        return True

    def end(self) -> None:
        """End it."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(DEADLINE)

    def hold(self) -> None:
        """Let it answer nothing until it may go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def push(self, name: str, archive: bytes) -> str:
        """Put the one image of an archive there as NAME:TAG; its digest. The engine forgets it again."""
        repository, _, tag = name.rpartition(":")
        full = f"{ADDRESS}/{repository}"
        with client_of(self.host) as client:
            said = list(client.load_image(archive))
            loaded = next(line["stream"] for line in said if "Loaded image" in line.get("stream", ""))
            source = loaded.partition(": ")[2].strip()
            client.tag(source, full, tag)
            auth = {"username": USER, "password": PASSWORD}
            pushed = list(client.push(full, tag, auth_config=auth, stream=True, decode=True))
            digest = [line["aux"]["Digest"] for line in pushed if "aux" in line]
            assert digest, pushed
            for left in (f"{full}:{tag}", source):
                client.remove_image(left, force=True)
        return str(digest[-1])


def auth_file(directory: Path, password: str = PASSWORD) -> Path:
    """A file as ``docker login`` writes it."""
    path = directory / "auth.json"
    secret = base64.b64encode(f"{USER}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {ADDRESS: {"auth": secret}}}), "utf-8")
    path.chmod(0o600)
    return path
