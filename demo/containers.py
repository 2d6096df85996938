"""The demo's machines as containers of the Docker engine, or Podman's service, on this computer.

Their image holds the very Python that runs the demo, so that nothing is fetched: the interpreter, the libraries that it
has loaded and the modules that the job agent imports.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from demo.stages import StageError
from demo.story import FACTORIES, SPACE

if TYPE_CHECKING:
    from vac_docker.engine import Engine

_LOADERS: Final = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
"""Where programs name the dynamic loader, which /proc shows elsewhere."""
_ASK: Final = """
import encodings.idna, hashlib, http.client, json, os, pathlib, re, signal, sys, time, urllib.parse
maps = [line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if line.count(" ") > 4 and "/" in line]
modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
print("\\n".join(sorted({one for one in [*maps, *modules] if one and one.startswith("/")})))
"""
_IPV4: Final = 4
_DEFAULT_SOCKET: Final = "unix:///var/run/docker.sock"


class Containers:
    """Machines are containers: fewer than processes, since each takes a good part of a second to begin and to end."""

    slots = 2
    least_life = 12

    def __init__(self) -> None:
        """Connect, and give the engine the image; raises `StageError`."""
        try:
            from vac_docker.engine import Engine  # noqa: PLC0415

            from vac_core.interfaces import PluginError  # noqa: PLC0415 - only this kind of demo needs the plugin
        except ImportError:
            raise StageError(
                "containers need the plugin vac-docker: run 'pip install ./plugins/docker' in the demo's environment"
            ) from None
        self.socket = os.environ.get("DOCKER_HOST", _DEFAULT_SOCKET)
        self._engine: Engine = Engine(self.socket)
        self._archive, self._reference = image()
        try:
            self.address = self._gateway()
            self._load()
        except PluginError as problem:
            raise StageError(f"containers cannot be had here: {problem}; or name another with DOCKER_HOST") from None
        self.plugin_section = f"[plugin docker]\nsocket = {self.socket}\n"

    def _gateway(self) -> str:
        """This computer's own address on the network that containers are on."""
        networks = "podman" if self._engine.facts().podman else "bridge"
        with self._engine.asked(f"looking at the network {networks}") as client:
            configs = (client.inspect_network(networks).get("IPAM") or {}).get("Config") or []
        for one in configs:
            subnet = ipaddress.ip_network(one["Subnet"])
            if subnet.version == _IPV4:  # an engine that names no gateway is itself at the first address
                return str(one.get("Gateway") or subnet[1])
        raise StageError(f"the engine's network {networks} has no addresses: containers could not reach the queues")

    def _load(self) -> None:
        with self._engine.asked("loading the demo's image") as client:
            for _ in client.load_image(self._archive):
                pass

    def options(self, *, url: str, by_pipe: bool) -> Mapping[str, str]:
        """The site names the image by its name; a VO that publishes a pipe publishes its image too."""
        return {
            "machine_model": "docker",
            "root_image": f"{url}/image.tar" if by_pipe else f"docker://{self._reference}",
            "container_command": f"{interpreter()} -IS /user_data",
            "heartbeat_seconds": "30",
            "fizzle_seconds": "5",
        }

    def image(self) -> bytes:
        """The archive."""
        return self._archive

    def running(self, state_dir: Path) -> int:
        """Each machine is one container."""
        factory = next(name for name in FACTORIES if name.partition(".")[0] == state_dir.name)
        return sum(one["State"] == "running" for one in self._all() if one["Labels"].get("vac.factory") == factory)

    def end_all(self, root: Path) -> int:
        """Remove those that the demo's factories left, with their volumes."""
        del root
        for one in self._all():
            with self._engine.asked("removing a container of the demo's") as client:
                client.remove_container(one["Id"], force=True, v=True)
        return len(self._all())

    def _all(self) -> list[dict[str, Any]]:
        with self._engine.asked("listing containers of the demo's") as client:
            found: list[dict[str, Any]] = client.containers(all=True, filters={"label": [f"vac.space={SPACE}"]})
        return found

    def close(self) -> None:
        """Remove the image by both its names, and let go of the connection."""
        with self._engine.asked("removing the demo's image") as client:
            image_id = client.inspect_image(self._reference)["Id"]
            client.remove_image(image_id, force=True)
        self._engine.close()


def interpreter() -> str:
    """The program that runs the demo, without links: where it is, it finds its own modules."""
    return str(Path(sys.executable).resolve())


def image() -> tuple[bytes, str]:
    """An archive of the image, and the name under which an engine knows it then."""
    from vac_docker.testing import image_archive, layer_of  # noqa: PLC0415 - as above

    asked = subprocess.run([interpreter(), "-IS", "-c", _ASK], capture_output=True, text=True, check=True, timeout=60)
    found = {path for path in [*asked.stdout.split("\n"), interpreter()] if path and Path(path).is_file()}
    found |= {name for path in found if ".so" in path for name in _names(Path(path))}
    found |= {loader for loader in _LOADERS if Path(loader).exists()}
    layer = layer_of({path: Path(path) for path in sorted(found)})
    reference = f"localhost/vac-demo:{hashlib.sha256(layer).hexdigest()[:12]}"
    environment = [f"LD_LIBRARY_PATH={':'.join(_libraries(found))}"]
    return image_archive([reference], [layer], Env=environment, Cmd=[interpreter()]), reference


def _names(library: Path) -> Iterable[str]:
    """All names of a library, of which /proc shows only the file's own: programs ask for it as libz.so.1."""
    stem = library.name.partition(".so")[0]
    return (str(one) for one in library.parent.glob(f"{stem}.so*") if one.resolve() == library.resolve())


def _libraries(paths: Iterable[str]) -> list[str]:
    return sorted({str(Path(path).parent) for path in paths if ".so" in Path(path).name})
