"""BOINC's real client, by its GUI RPC: an oracle for preferences, and the one that the owner of a host runs."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import attrs
from engines import missing
from image_server import wait_until
from vac_boinc.inside.rpc import Client, element

_SECONDS = 60.0
_FLAGS = ("--insecure", "--no_gpus", "--no_info_fetch", "--skip_cpu_benchmarks")
_OTHERS = re.compile(r"non-BOINC CPU usage: ([\d.]+)%")
USER_REQUEST = 4
PASSWORD = "open-sesame"


@attrs.define
class BoincHost:
    """One client that is attached to no project."""

    client: Client

    def follow(self, preferences: Element) -> None:
        """Let these preferences override all others."""
        request = Element("set_global_prefs_override")
        request.append(preferences)
        self.client.tell(request)
        self.client.tell(Element("read_global_prefs_override"))

    def reasons(self) -> tuple[int, int]:
        """Why it does not compute, and does not use the network, by BOINC's codes; 0 when it does."""
        told = self.client.ask(Element("get_cc_status"))
        names = ("task_suspend_reason", "network_suspend_reason")
        return tuple(int(told.findtext(f"cc_status/{name}", "-1")) for name in names)  # type: ignore[return-value] # two

    def reason(self) -> int:
        """Why it does not compute; 0 when it does."""
        return self.reasons()[0]

    def judge(self, preferences: Element) -> tuple[int, int]:
        """The reasons that it comes to by these preferences, which it heeds once a second.

        Between two of them it is told to rest, so that one that it has not come to yet is known.
        """
        self.set_mode("never")
        wait_until(lambda: self.reason() == USER_REQUEST)
        self.follow(preferences)
        self.set_mode("auto")
        wait_until(lambda: self.reason() != USER_REQUEST)
        return self.reasons()

    def others_percents(self) -> list[float]:
        """What it has found, every 10 s, of the use of processors by others than itself."""
        told = self.client.ask(element("get_messages", seqno="0"))
        found = (_OTHERS.search(one.text or "") for one in told.iter("body"))
        return [float(one[1]) for one in found if one is not None]

    def mode(self) -> tuple[int, float]:
        """The mode in which it runs, by BOINC's number, and for how many seconds yet; 0 for good."""
        told = self.client.ask(Element("get_cc_status"))
        return int(told.findtext("cc_status/task_mode", "-1")), float(told.findtext("cc_status/task_mode_delay", "-1"))

    def set_mode(self, mode: str, seconds: float = 0) -> None:
        """Do what its owner does with the manager."""
        self.client.tell(element("set_run_mode", **{mode: "", "duration": str(seconds)}))

    def working(self) -> dict[str, float]:
        """The preferences that it has in force, by name."""
        told = self.client.ask(Element("get_global_prefs_working")).find("global_preferences")
        assert told is not None
        return {one.tag: float(one.text or "0") for one in told if not len(one)}


def config(exclusive: Sequence[str]) -> bytes:
    """The client's cc_config.xml, with programs while which it must not run."""
    root = Element("cc_config")
    SubElement(SubElement(root, "log_flags"), "mem_usage_debug").text = "1"
    options = SubElement(root, "options")
    for name in exclusive:
        SubElement(options, "exclusive_app").text = name
    return tostring(root)


@contextmanager
def boinc_host(
    directory: Path,
    begin: Callable[..., subprocess.Popen[Any]] = subprocess.Popen,
    exclusive: Sequence[str] = (),
    port: int | None = None,
) -> Iterator[BoincHost]:
    """A client with its data in an empty directory; ``begin`` starts it, such as in a box.

    It listens at a port of loopback, or at a socket in its directory if there is none given.
    """
    program = shutil.which("boinc")
    if program is None:
        missing("boinc-client is not installed: there is no real client to ask")
    (directory / "gui_rpc_auth.cfg").write_text(f"{PASSWORD}\n")
    (directory / "gui_rpc_auth.cfg").chmod(0o600)
    (directory / "cc_config.xml").write_bytes(config(exclusive))
    where = ["--gui_rpc_unix_domain"] if port is None else ["--gui_rpc_port", str(port)]
    command = [program, "--dir", str(directory), *_FLAGS, *where]
    process = begin(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with _connected(directory, port) as connected:
            client = Client(connected, _SECONDS)
            client.log_in(PASSWORD)
            yield BoincHost(client)
    finally:
        # It has no task to lose; asked to end by a signal, 7.20.5 now and then waits for a lock of its own for ever.
        process.kill()
        process.wait(_SECONDS)


def _connected(directory: Path, port: int | None) -> socket.socket:
    found: list[socket.socket] = []

    def tried() -> bool:
        one = socket.socket(socket.AF_UNIX if port is None else socket.AF_INET)
        try:
            with chdir(directory):  # the name of a socket must be short
                one.connect("boinc_socket" if port is None else ("127.0.0.1", port))
        except OSError:
            one.close()
            return False
        found.append(one)
        return True

    wait_until(tried)
    return found[0]
