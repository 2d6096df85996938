"""A factory whose machines are containers of a Docker engine of its own: its files, its daemon, its engine."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import attrs
from docker_kit import IMAGE, client_of
from system.daemon_kit import Daemon, shell

from vac_core.testing.box import ContainerHost

UNTIL_TOLD = "mkfifo $JOBOUTPUTS/go; touch $JOBOUTPUTS/up; read word < $JOBOUTPUTS/go"
"""Lines of a user_data that runs on until `Site.let_go`."""


@attrs.define
class Site:
    """A factory's files and its daemon, and the engine that it uses."""

    daemon: Daemon
    host: ContainerHost

    def write(self, *machinetypes: str, settings: str = "", plugin: str = "") -> None:
        """Write its site file."""
        section = f"[plugin docker]\nsocket = {self.host.url}\n{plugin}"
        self.daemon.write_site("".join(machinetypes) + section, settings)

    def machinetype(self, name: str, *lines: str, **options: object) -> str:
        """A section for containers that run these lines of shell."""
        given = {"machine_model": "docker", "root_image": f"docker://{IMAGE}", **options}
        return self.daemon.machinetype(name, shell(*lines), **given)

    def output(self, machine_id: str, name: str) -> Path:
        """A file of a machine's outputs."""
        return self.daemon.state.machines / machine_id / "joboutputs" / name

    def let_go(self, machine_id: str) -> None:
        """Let a machine that runs `UNTIL_TOLD` go on."""
        self.output(machine_id, "go").write_text("go\n", "ascii")

    def containers(self) -> list[dict[str, Any]]:
        """All containers of the engine, as it lists them."""
        with client_of(self.host) as client:
            found: list[dict[str, Any]] = client.containers(all=True)
            return found

    def states(self) -> dict[str, str]:
        """The state of each machine's container, by the machine's id."""
        return {one["Labels"].get("vac.machine", one["Names"][0]): one["State"] for one in self.containers()}

    def volumes(self) -> list[str]:
        """Names of all volumes of the engine."""
        with client_of(self.host) as client:
            return [one["Name"] for one in client.volumes()["Volumes"] or []]

    def why(self, name: str) -> str:
        """What ``vac why`` says of a machinetype."""
        said = self.daemon.cli("why", name)
        return said.stdout + said.stderr

    def close(self) -> None:
        """Kill its daemon; its machines end with the engine."""
        if self.daemon.process is not None:
            self.daemon.signal(signal.SIGKILL)
