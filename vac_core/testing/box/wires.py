"""Networks of boxes: cables between them and a switch, each gone with the boxes it joins."""

from __future__ import annotations

import os
from collections.abc import Mapping

from vac_core.testing.box.box import Box


def cable(at: Box, name: str, other: Box, other_name: str) -> None:
    """Lay a cable between two boxes: an interface of this name in each, both up."""
    # The other network is named by an open file: a box knows no process ids but its own.
    network = os.open(f"/proc/{other.pid}/ns/net", os.O_RDONLY)
    try:
        peer = ["peer", "name", other_name, "netns", f"/proc/self/fd/{network}"]
        at.run(["ip", "link", "add", name, "type", "veth", *peer], pass_fds=[network])
    finally:
        os.close(network)
    at.run(["ip", "link", "set", name, "up"])
    other.run(["ip", "link", "set", other_name, "up"])


def switch(at: Box, address: str, ports: Mapping[str, Box], name: str = "br0") -> None:
    """Make a switch in a box, with an address (``10.77.0.254/24``) there; join other boxes to it.

    ``ports`` says each one's address with its prefix, which its interface ``eth0`` gets.
    """
    at.run(["ip", "link", "add", name, "type", "bridge"])
    at.run(["ip", "address", "add", address, "dev", name])
    at.run(["ip", "link", "set", name, "up"])
    for number, (theirs, other) in enumerate(ports.items()):
        cable(at, f"port{number}", other, "eth0")
        at.run(["ip", "link", "set", f"port{number}", "master", name])
        other.run(["ip", "address", "add", theirs, "dev", "eth0"])
