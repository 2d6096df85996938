"""Private container engines in a box: each speaks Docker's API on a socket that any process of the host can reach."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from vac_core.testing.box.box import DEADLINE, Box, box
from vac_core.testing.box.cgroups import remove_cgroups
from vac_core.testing.box.services import serve

DOCKER: Final = ("dockerd", "containerd", "runc", "iptables")
"""Programs that `docker_host` needs; see `unavailable`."""

PODMAN: Final = ("podman", "runc", "conmon")
"""Programs that `podman_host` needs; see `unavailable`."""

_DOCKER_ROOT: Final = "/var/lib/docker"
_PODMAN_ROOT: Final = "/var/lib/containers"
_PODMAN_CONF: Final = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=90000:90000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@attrs.define(eq=False)
class ContainerHost:
    """A box in which a container engine runs."""

    box: Box
    socket_inside: str
    _serve: Callable[[], subprocess.Popen[Any]]
    _engine: subprocess.Popen[Any]

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the engine by this signal, and wait until it has ended; what becomes of containers is its affair."""
        self._engine.send_signal(number)
        self._engine.wait(DEADLINE)

    def begin(self) -> None:
        """Start the engine again."""
        self._engine = self._serve()

    @property
    def socket(self) -> Path:
        """The engine's socket, as processes outside the box reach it."""
        return self.box.path(self.socket_inside)

    @property
    def url(self) -> str:
        """The same as a DOCKER_HOST."""
        return f"unix://{self.socket}"


@contextmanager
def docker_host(
    hostname: str = "wn01.vac.test", configuration: dict[str, object] | None = None
) -> Iterator[ContainerHost]:
    """Open a box with a Docker engine that has no image; ``configuration`` is what its daemon.json says.

    Its containers have control groups of their own in the host's tree, which are gone when the box is.
    """
    with box(hostname, [_DOCKER_ROOT, "/var/lib/containerd"]) as at:
        parent = f"vac-box-{at.pid}"
        at.on_close(lambda: remove_cgroups(parent))
        at.path("/run/daemon.json").write_text(json.dumps({"cgroup-parent": f"/{parent}", **(configuration or {})}))
        where = ["--data-root", _DOCKER_ROOT, "--exec-root", "/run/docker", "--pidfile", "/run/docker.pid"]
        argv = ["dockerd", *where, "--config-file", "/run/daemon.json", "--host", "unix:///run/docker.sock"]
        engine = partial(serve, at, argv, log="/run/dockerd.log")
        yield ContainerHost(at, "/run/docker.sock", engine, engine())


@contextmanager
def podman_host(hostname: str = "wn01.vac.test") -> Iterator[ContainerHost]:
    """Open a box in which Podman answers Docker's API, and has no image."""
    with box(hostname, [_PODMAN_ROOT]) as at:
        at.on_close(lambda: remove_cgroups("libpod_parent"))
        at.path("/run/containers.conf").write_text(_PODMAN_CONF)
        argv = ["podman", "--root", _PODMAN_ROOT, "--runroot", "/run/containers", "system", "service", "--time", "0"]
        engine = partial(
            serve,
            at,
            [*argv, "unix:///run/podman.sock"],
            log="/run/podman.log",
            environment={"CONTAINERS_CONF": "/run/containers.conf"},
        )
        yield ContainerHost(at, "/run/podman.sock", engine, engine())
