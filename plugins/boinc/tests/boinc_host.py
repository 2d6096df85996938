"""BOINC's real client on this host, asked by its GUI RPC whether it would compute: an oracle for preferences."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from xml.etree.ElementTree import Element

import attrs
from engines import missing
from image_server import wait_until
from vac_boinc.inside.rpc import Client

_SECONDS = 60.0
_FLAGS = ("--insecure", "--no_gpus", "--no_info_fetch", "--skip_cpu_benchmarks", "--gui_rpc_unix_domain")


@attrs.define
class BoincHost:
    """One client that is attached to no project."""

    client: Client

    def follow(self, preferences: Element) -> None:
        """Let these preferences override all others."""
        request = Element("set_global_prefs_override")
        request.append(preferences)
        assert self.client.ask(request).find("success") is not None
        assert self.client.ask(Element("read_global_prefs_override")).find("success") is not None

    def reason(self) -> int:
        """Why it does not compute, by BOINC's code; 0 when it does."""
        return int(self.client.ask(Element("get_cc_status")).findtext("cc_status/task_suspend_reason", "-1"))


@contextmanager
def boinc_host(directory: Path) -> Iterator[BoincHost]:
    """A client with its data in an empty directory."""
    program = shutil.which("boinc")
    if program is None:
        missing("boinc-client is not installed: there is no real client to ask")
    (directory / "gui_rpc_auth.cfg").write_text("open\n")
    (directory / "gui_rpc_auth.cfg").chmod(0o600)
    command = [program, "--dir", str(directory), *_FLAGS]
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(_SECONDS)
            wait_until((directory / "boinc_socket").exists)
            with chdir(directory):  # the name of a socket must be short
                connected.connect("boinc_socket")
            client = Client(connected)
            client.log_in("open")
            yield BoincHost(client)
    finally:
        process.terminate()
        process.wait(_SECONDS)
