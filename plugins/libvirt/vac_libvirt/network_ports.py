"""The running machines that are on a network of ours, and their ports on its bridge."""

from __future__ import annotations

import fcntl
import logging
import socket
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import libvirt

from vac_libvirt.network_plan import BRIDGE

_log = logging.getLogger(__name__)

_DEVICES: Final = Path("/sys/class/net")
_SIOCBRADDIF: Final = 0x89A2
"""Add a device to a bridge; see <linux/sockios.h>."""
_IFREQ: Final = struct.Struct("16si20x")
"""The name of the bridge and the number of the device; see netdevice(7)."""


@attrs.frozen(kw_only=True)
class Port:
    """The host's end of a machine's interface."""

    machine: str
    """Name of its domain."""
    device: str
    isolated: bool


def ports(connection: Any, network: str) -> list[Port]:
    """Of all running domains, also after the network was destroyed under them. Raises libvirtError."""
    found: list[Port] = []
    for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        try:
            found += _ports_of(domain.name(), ET.fromstring(domain.XMLDesc(0)), network)  # noqa: S314 - libvirt's own
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
    return found


def _ports_of(machine: str, domain: ET.Element, network: str) -> Iterator[Port]:
    for interface in domain.iterfind("devices/interface"):
        source, target, port = (interface.find(tag) for tag in ("source", "target", "port"))
        if source is not None and source.get("network") == network:
            device = "" if target is None else target.get("dev", "")
            yield Port(machine=machine, device=device, isolated=port is not None and port.get("isolated") == "yes")


def plug_in_again(connection: Any, network: str) -> None:
    """Give the machines that were on a network, before it was destroyed, their places on its new bridge.

    libvirt does so itself only when it starts.
    """
    for port in ports(connection, network):
        try:
            _plug_in(port)
        except OSError as error:
            _log.error("machine %s cannot be put back on the network %s: %s", port.machine, network, error)
        else:
            _log.warning("put machine %s back on the network %s", port.machine, network)


def _plug_in(port: Port) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = _IFREQ.pack(BRIDGE.encode("ascii"), socket.if_nametoindex(port.device))
        fcntl.ioctl(any_socket, _SIOCBRADDIF, request)
    if port.isolated:
        (_DEVICES / BRIDGE / "brif" / port.device / "isolated").write_text("1", "ascii")
