"""BOINC's real client on this host, asked by its GUI RPC whether it would compute: an oracle for preferences."""

from __future__ import annotations

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
_FLAGS = ("--insecure", "--no_gpus", "--no_info_fetch", "--skip_cpu_benchmarks", "--gui_rpc_unix_domain")
USER_REQUEST = 4


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
        self.client.tell(element("set_run_mode", never="", duration="0"))
        wait_until(lambda: self.reason() == USER_REQUEST)
        self.follow(preferences)
        self.client.tell(element("set_run_mode", auto="", duration="0"))
        wait_until(lambda: self.reason() != USER_REQUEST)
        return self.reasons()

    def working(self) -> dict[str, float]:
        """The preferences that it has in force, by name."""
        told = self.client.ask(Element("get_global_prefs_working")).find("global_preferences")
        assert told is not None
        return {one.tag: float(one.text or "0") for one in told if not len(one)}


def config(exclusive: Sequence[str]) -> bytes:
    """The client's cc_config.xml, with programs while which it must not run."""
    root = Element("cc_config")
    options = SubElement(root, "options")
    for name in exclusive:
        SubElement(options, "exclusive_app").text = name
    return tostring(root)


@contextmanager
def boinc_host(
    directory: Path,
    begin: Callable[..., subprocess.Popen[Any]] = subprocess.Popen,
    exclusive: Sequence[str] = (),
) -> Iterator[BoincHost]:
    """A client with its data in an empty directory; ``begin`` starts it, such as in a box."""
    program = shutil.which("boinc")
    if program is None:
        missing("boinc-client is not installed: there is no real client to ask")
    (directory / "gui_rpc_auth.cfg").write_text("open\n")
    (directory / "gui_rpc_auth.cfg").chmod(0o600)
    (directory / "cc_config.xml").write_bytes(config(exclusive))
    command = [program, "--dir", str(directory), *_FLAGS]
    process = begin(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_UNIX) as connected:
            wait_until((directory / "boinc_socket").exists)
            with chdir(directory):  # the name of a socket must be short
                connected.connect("boinc_socket")
            client = Client(connected, _SECONDS)
            client.log_in("open")
            yield BoincHost(client)
    finally:
        process.terminate()
        process.wait(_SECONDS)
