"""The XML of a network of our own, and what of a network that is there differs from it.

See https://libvirt.org/formatnetwork.html.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Final

import attrs

from vac_libvirt.network_plan import BRIDGE, METADATA_SERVICE, NetworkPlan

NAMESPACE: Final = "urn:vac:libvirt:network:1"
_MARK: Final = f"{{{NAMESPACE}}}network"

ET.register_namespace("vacnet", NAMESPACE)


@attrs.frozen
class Reservation:
    """Which address and name a MAC address gets by DHCP."""

    mac: str
    ip: str
    name: str

    def element(self) -> ET.Element:
        """As it stands in a network's ``<dhcp>``."""
        return ET.Element("host", {"mac": self.mac, "name": self.name, "ip": self.ip})


@attrs.frozen
class Difference:
    """How a network that is there differs from the one that is wanted."""

    structure: tuple[str, ...] = ()
    """What can only be changed by making it anew, in words."""
    wrong: tuple[Reservation, ...] = ()
    """Reservations that are in the way of others."""
    missing: tuple[Reservation, ...] = ()


def network_element(plan: NetworkPlan) -> ET.Element:
    """The network that is wanted."""
    root = ET.Element("network")
    ET.SubElement(root, "name").text = plan.name
    ET.SubElement(ET.SubElement(root, "metadata"), _MARK, {"factory": plan.factory})
    root.append(_forward(plan))
    ET.SubElement(root, "bridge", {"name": BRIDGE, "stp": "off", "delay": "0"})
    if plan.domain:
        ET.SubElement(root, "domain", {"name": plan.domain})
    prefix = str(plan.options.subnet.prefixlen)
    dhcp = ET.SubElement(_ip(root, str(plan.gateway), prefix), "dhcp")
    dhcp.extend(one.element() for one in reservations(plan))
    _ip(root, str(METADATA_SERVICE), _service_prefix(plan))
    if plan.options.subnet6 is not None:
        _ip(root, str(plan.gateway6), str(plan.options.subnet6.prefixlen)).set("family", "ipv6")
    return root


def _service_prefix(plan: NetworkPlan) -> str:
    """In the machines' own subnet it has that subnet's prefix: with 32, dnsmasq would tell machines that it is their
    broadcast address, and they could not connect to it."""
    return str(plan.options.subnet.prefixlen if METADATA_SERVICE in plan.options.subnet else 32)


def _forward(plan: NetworkPlan) -> ET.Element:
    forward = ET.Element("forward", {"mode": "nat"} | ({"dev": plan.forward_dev} if plan.forward_dev else {}))
    if plan.options.subnet6 is not None:
        ET.SubElement(forward, "nat", {"ipv6": "yes"})
    return forward


def _ip(root: ET.Element, address: str, prefix: str) -> ET.Element:
    return ET.SubElement(root, "ip", {"address": address, "prefix": prefix})


def reservations(plan: NetworkPlan) -> tuple[Reservation, ...]:
    """One for each slot."""
    return tuple(reservation(plan, slot) for slot in sorted({*range(plan.slots), *plan.needed}))


def reservation(plan: NetworkPlan, slot: int) -> Reservation:
    """That of one slot."""
    addresses = plan.addresses(slot)
    return Reservation(addresses.mac, str(addresses.ipv4), plan.host_name(slot))


def is_ours(network: ET.Element) -> bool:
    """Whether a network was made by Vac."""
    return network.find(f"metadata/{_MARK}") is not None


def difference(network: ET.Element, plan: NetworkPlan) -> Difference:
    """What would have to change for a network of ours to be as the plan has it."""
    wanted, there = _structure(network_element(plan)), _structure(network)
    structure = tuple(
        f"{what} is {there.get(what, 'none')}, and {wanted.get(what, 'none')} is wanted"
        for what in sorted(wanted.keys() | there.keys())
        if wanted.get(what) != there.get(what)
    )
    here, planned = dict.fromkeys(reserved(network)), dict.fromkeys(reservations(plan))
    return Difference(
        structure,
        wrong=tuple(one for one in here if one not in planned and _in_the_way(one, planned)),
        missing=tuple(one for one in planned if one not in here),
    )


def _in_the_way(one: Reservation, planned: Iterable[Reservation]) -> bool:
    """Another is kept: it may be that of a machine in a slot that is not reserved any more."""
    return any(one.mac == other.mac or one.ip == other.ip or one.name == other.name for other in planned)


def reserved(network: ET.Element) -> tuple[Reservation, ...]:
    """The reservations for IPv4 of any network, those without a MAC or an IP address left out."""
    hosts = network.iterfind("ip/dhcp/host")
    found = (Reservation(one.get("mac", "").lower(), one.get("ip", ""), one.get("name", "")) for one in hosts)
    return tuple(one for one in found if one.mac and one.ip)


def _structure(network: ET.Element) -> dict[str, str]:
    forward, nat = network.find("forward"), network.find("forward/nat")
    found = {
        "its forwarding": "" if forward is None else f"{forward.get('mode')} to {forward.get('dev', 'any device')}",
        "its NAT of IPv6": "no" if nat is None else nat.get("ipv6", "no"),
        "its bridge": _attribute(network, "bridge", "name"),
        "its domain": _attribute(network, "domain", "name"),
        "its addresses": " ".join(sorted(f"{ip.get('address')}/{_prefix(ip)}" for ip in network.iterfind("ip"))),
    }
    return {what: text for what, text in found.items() if text}


def _attribute(network: ET.Element, path: str, name: str) -> str:
    found = network.find(path)
    return "" if found is None else found.get(name, "")


def _prefix(ip: ET.Element) -> str:
    """libvirt gives back a mask or a prefix, as it was told."""
    mask = ip.get("netmask")
    if mask is None:
        return ip.get("prefix", "")
    return str(IPv4Network(f"0.0.0.0/{mask}").prefixlen)
