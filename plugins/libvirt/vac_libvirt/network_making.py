"""Making a network of our own through libvirt, and mending it when it is not as it should be."""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ET
from typing import Any, Final

import libvirt

from vac_core.interfaces import PluginError
from vac_libvirt.network_on_host import OnHost
from vac_libvirt.network_plan import NetworkPlan
from vac_libvirt.network_ports import plug_in_again, ports
from vac_libvirt.network_xml import (
    Difference,
    Reservation,
    difference,
    is_ours,
    network_element,
    reservation,
    reservations,
)

_log = logging.getLogger(__name__)

_ADD, _DELETE, _MODIFY = (
    libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
    libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE,
    libvirt.VIR_NETWORK_UPDATE_COMMAND_MODIFY,
)


_FEW: Final = 8
"""Reservations that are added while one waits; more are added by making the network anew, when it is free."""


def ensure_network(connection: Any, plan: NetworkPlan, *, may_mend: bool, on_host: OnHost | None = None) -> str:
    """See that the network is there and as planned; return what is wrong with it though it can be used.

    Raises `PluginError` where it is another's, or is missing and may not be made; libvirtError where libvirt refuses.
    """
    network = find_network(connection, plan.name)
    if not may_mend:
        return _looked_at(network, plan)
    if network is None:
        _retire_older(connection, plan)
        _make(connection, plan)
        return ""
    described = ET.fromstring(network.XMLDesc(0))  # noqa: S314 - libvirt's own words
    if not is_ours(described):
        raise PluginError(
            f"the libvirt network {plan.name} was not made by this Vac: remove it with virsh net-destroy {plan.name} "
            f"and virsh net-undefine {plan.name}, or set another subnet, or it as network, in [plugin libvirt]"
        )
    if not network.isActive():
        network.create()
        plug_in_again(connection, plan.name)
    return _mend(connection, network, plan, difference(described, plan), on_host or OnHost())


def find_network(connection: Any, name: str) -> Any:
    """The libvirt network of a name, or None."""
    try:
        return connection.networkLookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_NETWORK:
            return None
        raise


def _looked_at(network: Any, plan: NetworkPlan) -> str:
    if network is None or not network.isActive():
        raise PluginError(
            f"the libvirt network {plan.name} is not there, and fix_networking is no: "
            "make it, name another as network in [plugin libvirt], or set fix_networking = yes in [settings]"
        )
    found = difference(ET.fromstring(network.XMLDesc(0)), plan)  # noqa: S314 - libvirt's own words
    wrong = [*found.structure, *([f"{len(found.missing)} slots have no reservation"] if found.missing else [])]
    return f"the libvirt network {plan.name}: {'; '.join(wrong)} (fix_networking is no)" if wrong else ""


def _make(connection: Any, plan: NetworkPlan) -> None:
    connection.networkCreateXML(ET.tostring(network_element(plan), "unicode"))
    _log.info("made the libvirt network %s for %d slots", plan.name, plan.slots)
    plug_in_again(connection, plan.name)


def _retire_older(connection: Any, plan: NetworkPlan) -> None:
    """Take away a network that was made for another subnet: both would have one bridge, and the service's address."""
    for network in connection.listAllNetworks():
        if not is_ours(ET.fromstring(network.XMLDesc(0))):  # noqa: S314 - libvirt's own words
            continue
        if busy := ports(connection, network.name()):
            raise PluginError(
                f"the libvirt network {network.name()}, of another subnet, has {len(busy)} machines on it: "
                f"{plan.name} is made when they have ended (vac drain helps)"
            )
        _log.warning("removing the libvirt network %s, as another subnet is wanted", network.name())
        if network.isActive():
            network.destroy()


def _mend(connection: Any, network: Any, plan: NetworkPlan, found: Difference, on_host: OnHost) -> str:
    later = _reserve(network, plan, found)
    lost = [f"its address {one} is gone" for one in plan.service_addresses if not on_host.has(str(one))]
    wrong = [*found.structure, *lost, *([f"{later} slots have no reservation yet"] if later else [])]
    if not wrong:
        if not on_host.is_served(str(plan.gateway)):
            _log.warning("starting the DHCP and DNS server of the libvirt network %s again", plan.name)
            _update(network, _MODIFY, reservations(plan)[:1])
        return ""
    if busy := ports(connection, plan.name):
        return (
            f"the libvirt network {plan.name}: {'; '.join(wrong)}: "
            f"it is made anew when the {len(busy)} machines on it have ended (vac drain helps)"
        )
    _log.warning("making the libvirt network %s anew: %s", plan.name, "; ".join(wrong))
    network.destroy()
    _make(connection, plan)
    return ""


def _reserve(network: Any, plan: NetworkPlan, found: Difference) -> int:
    """Put reservations right on the running network, and return how many are left for when it is made anew.

    libvirt takes them one by one, and needs about half a second for each.
    """
    needed = {reservation(plan, slot) for slot in plan.needed}
    at_once = found.missing if len(found.missing) <= _FEW else tuple(one for one in found.missing if one in needed)
    in_the_way = {one.mac for one in at_once} | {one.ip for one in at_once} | {one.name for one in at_once}
    _update(network, _DELETE, tuple(one for one in found.wrong if in_the_way & {one.mac, one.ip, one.name}))
    _update(network, _ADD, at_once)
    return len(found.missing) - len(at_once)


def _update(network: Any, command: int, reservations: tuple[Reservation, ...]) -> None:
    for one in reservations:
        xml = ET.tostring(one.element(), "unicode")
        section, first = libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, 0
        network.update(command, section, first, xml, libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE)
