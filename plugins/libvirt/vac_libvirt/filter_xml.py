"""The XML of the nwfilters that keep a machine to its own addresses, and apart from this host and its neighbours.

See https://libvirt.org/formatnwfilter.html. All rules work on the frames of the machine's own port, so they hold
whether or not the host lets its firewall see what is bridged. A rule with a lower priority is looked at first; ``out``
is what a machine sends. Fragments of packets match no rule about ports: only to the outside may a machine send them.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

import attrs

from vac_libvirt.network_plan import HTTP_PORT

FILTER: Final = "vac-machine"
"""The filter that a machine's interface names, with its addresses as the parameters MAC, IP and IPV6."""

BORROWED: Final = ("no-mac-spoofing", "no-ip-spoofing", "no-arp-spoofing", "no-other-l2-traffic")
"""libvirt's own filters that ours refer to."""

_IPV4, _IPV6, _IPV6_SOURCE = f"{FILTER}-ipv4", f"{FILTER}-ipv6", f"{FILTER}-ipv6-source"
_NAMESPACE: Final = uuid.UUID("3b9f0c52-6a43-5e0e-9f0c-0b1d6f1a7a51")

_NOBODY: Final = IPv4Address(0)
_ALL_MACHINES: Final = IPv4Network("255.255.255.255/32")
_NEVER: Final = (_ALL_MACHINES, IPv4Network("224.0.0.0/4"), IPv4Network("127.0.0.0/8"))
_NEVER6: Final = (IPv6Network("ff00::/8"), IPv6Network("fe80::/10"))
_NEIGHBOUR_DISCOVERY: Final = (133, 135, 136, 143)
"""ICMPv6: router solicitation, neighbour solicitation and advertisement, listener report (RFC 4861, RFC 3810)."""

Subnet = IPv4Network | IPv6Network


@attrs.frozen(kw_only=True)
class Walls:
    """What machines may reach of this host, and what is kept from them."""

    services: Sequence[IPv4Address]
    """Where the HTTP service is."""
    resolvers: Sequence[IPv4Address | IPv6Address]
    """Where they find DNS, and by IPv4 DHCP."""
    forbidden: Sequence[Subnet] = ()
    """This host's and the machines' addresses; none where machines are not isolated."""
    ipv6: bool = False


def filters(walls: Walls) -> Mapping[str, ET.Element]:
    """All filters by name, in the order in which they must be defined."""
    found = {_IPV4: _ipv4_filter(walls)}
    if walls.ipv6:
        found |= {_IPV6_SOURCE: _ipv6_source_filter(), _IPV6: _ipv6_filter(walls)}
    return found | {FILTER: _root_filter(walls)}


def _root_filter(walls: Walls) -> ET.Element:
    root = _filter(FILTER, "root")
    for name in ("no-mac-spoofing", "no-ip-spoofing", _IPV4):
        ET.SubElement(root, "filterref", {"filter": name})
    _rule(root, "accept", "inout", -650, "mac", protocolid="ipv4")
    if walls.ipv6:
        for name in (_IPV6_SOURCE, _IPV6):
            ET.SubElement(root, "filterref", {"filter": name})
        _rule(root, "accept", "inout", -550, "mac", protocolid="ipv6")
    ET.SubElement(root, "filterref", {"filter": "no-arp-spoofing"})
    _rule(root, "accept", "inout", -500, "mac", protocolid="arp")
    ET.SubElement(root, "filterref", {"filter": "no-other-l2-traffic"})
    return root


def _ipv4_filter(walls: Walls) -> ET.Element:
    root = _filter(_IPV4, "ipv4", -700)
    servers = [one for one in walls.resolvers if one.version == 4]
    for dhcp in (_ALL_MACHINES.network_address, *servers):
        ports = {"srcportstart": "68", "dstportstart": "67"}
        _rule(root, "accept", "out", 100, "ip", dstipaddr=str(dhcp), protocol="udp", **ports)
    _rule(root, "drop", "out", 150, "ip", srcipaddr=str(_NOBODY))
    for service in walls.services:
        _rule(root, "accept", "out", 200, "ip", dstipaddr=str(service), protocol="tcp", dstportstart=str(HTTP_PORT))
    _accept_dns(root, "ip", servers)
    _drop(root, "ip", (*_NEVER, *_of_version(4, walls.forbidden)) if walls.forbidden else ())
    return root


def _ipv6_filter(walls: Walls) -> ET.Element:
    root = _filter(_IPV6, "ipv6", -600)
    for kind in _NEIGHBOUR_DISCOVERY:
        _rule(root, "accept", "out", 100, "ipv6", protocol="icmpv6", type=str(kind))
    _accept_dns(root, "ipv6", [one for one in walls.resolvers if one.version == 6])
    _drop(root, "ipv6", (*_NEVER6, *_of_version(6, walls.forbidden)) if walls.forbidden else ())
    return root


def _ipv6_source_filter() -> ET.Element:
    """libvirt's own no-ipv6-spoofing lets no neighbour discovery through."""
    root = _filter(_IPV6_SOURCE, "ipv6-source", -610)
    _rule(root, "return", "out", 100, "ipv6", srcipaddr="::", protocol="icmpv6")
    _rule(root, "return", "out", 500, "ipv6", srcipaddr="$IPV6")
    _rule(root, "drop", "out", 1000)
    return root


def _accept_dns(root: ET.Element, protocol: str, servers: Iterable[IPv4Address | IPv6Address]) -> None:
    for server in servers:
        for transport in ("udp", "tcp"):
            _rule(root, "accept", "out", 200, protocol, dstipaddr=str(server), protocol=transport, dstportstart="53")


def _drop(root: ET.Element, protocol: str, subnets: Iterable[Subnet]) -> None:
    for one in dict.fromkeys(subnets):
        to = {"dstipaddr": str(one.network_address), "dstipmask": str(one.prefixlen)}
        _rule(root, "drop", "out", 300, protocol, **to)


def _of_version(version: int, subnets: Iterable[Subnet]) -> list[Subnet]:
    return [one for one in subnets if one.version == version]


def _filter(name: str, chain: str, priority: int | None = None) -> ET.Element:
    order = {} if priority is None else {"priority": str(priority)}
    root = ET.Element("filter", {"name": name, "chain": chain} | order)
    ET.SubElement(root, "uuid").text = filter_uuid(name)
    return root


def _rule(root: ET.Element, action: str, direction: str, priority: int, match: str = "", **attributes: str) -> None:
    rule = ET.SubElement(root, "rule", {"action": action, "direction": direction, "priority": str(priority)})
    if match:
        ET.SubElement(rule, match, attributes)


def filter_uuid(name: str) -> str:
    """The UUID by which a filter of this name is known to be ours: nwfilters have no metadata."""
    return str(uuid.uuid5(_NAMESPACE, name))
