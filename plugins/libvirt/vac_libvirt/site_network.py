"""A network or bridge that the site has made: used as it is, never changed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Final

import attrs

from vac_core.interfaces import PluginError
from vac_libvirt.network_making import find_network
from vac_libvirt.network_options import NetworkOptions
from vac_libvirt.network_xml import reserved
from vac_libvirt.parts import Interface

_FILTER: Final = "clean-traffic"
_LEARN: Final = ("CTRL_IP_LEARNING", "dhcp")
"""The machine may use the address that a DHCP server has given it, and before that none."""
_DEVICES: Final = Path("/sys/class/net")


@attrs.frozen(kw_only=True)
class SiteNetwork:
    """What was found of it."""

    options: NetworkOptions
    addresses: dict[str, str]
    """Which IP address its DHCP server has reserved for a MAC address, where libvirt knows."""

    def address_of(self, mac: str) -> str:
        """The address reserved for a MAC address; empty for none that is known."""
        return self.addresses.get(mac, "")

    def interface(self, mac: str) -> Interface:
        """The interface of a machine with this MAC address."""
        isolated = self.options.guest_isolation
        address = self.address_of(mac)
        return Interface(
            mac=mac,
            network=self.options.network or "",
            bridge=self.options.bridge or "",
            filter=_FILTER if isolated else "",
            filter_parameters=(("IP", address) if address else _LEARN,) if isolated else (),
            isolated=isolated,
        )


def find_site_network(connection: Any, options: NetworkOptions) -> SiteNetwork:
    """Look at the network or bridge that the options name. Raises `PluginError` where it is not there."""
    if options.network is not None and options.bridge is not None:
        raise PluginError("[plugin libvirt] names a network and a bridge, and machines have one interface: keep one")
    if options.network is None:
        _check_bridge(options.bridge or "")
        return SiteNetwork(options=options, addresses={})
    network = find_network(connection, options.network)
    if network is None or not network.isActive():
        raise PluginError(
            f"the libvirt network {options.network} is not {'there' if network is None else 'running'}: "
            "make and start it, or mend network in [plugin libvirt]"
        )
    known = reserved(ET.fromstring(network.XMLDesc(0)))  # noqa: S314 - libvirt's own words
    return SiteNetwork(options=options, addresses={one.mac: one.ip for one in known})


def _check_bridge(name: str) -> None:
    if not (_DEVICES / name / "bridge").is_dir():
        raise PluginError(f"this host has no bridge {name}: make it, or mend bridge in [plugin libvirt]")
