"""Let a client of one's own come to its end by itself, once it has done the tasks that it has."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from .rpc import Client

_SECONDS = 10.0


def fetch_no_more(directory: Path) -> list[str]:
    """Let the client that works in a directory fetch no more tasks; returns the projects that it works for.

    Raises `RpcError`, and `OSError` where the client is not there.
    """
    password = (directory / "gui_rpc_auth.cfg").read_text("ascii").split("\n")[0]
    os.chdir(directory)  # the name of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(_SECONDS)
            connected.connect("boinc_socket")
            client = Client(connected, _SECONDS)
            client.log_in(password)
            projects = client.projects()
            for one in projects:
                client.no_more_work(one)
    finally:
        os.chdir("/")
    return projects
