"""Which addresses a network of our own has: its gateway's, and by its number each slot's."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import attrs

from vac_core.interfaces import PluginError
from vac_libvirt.network_options import DEFAULT_SUBNET, NetworkOptions

METADATA_SERVICE: Final = IPv4Address("169.254.169.254")
"""Where guests of any cloud look for their metadata."""

HTTP_PORT: Final = 80
BRIDGE: Final = "vacbr0"

_VAC3_FIRST: Final = IPv4Address("169.254.169.0")
_VAC3_GATEWAY: Final = IPv4Address("169.254.169.253")
_MAC_PREFIX: Final = bytes.fromhex("564d")
"""Of Vac 3: a local MAC address, whose other four octets are those of the IPv4 address."""


@attrs.frozen(kw_only=True)
class SlotAddresses:
    """What the machine in a slot is known by on the network."""

    mac: str
    ipv4: IPv4Address
    ipv6: tuple[IPv6Address, ...] = ()
    """Of the subnet, and of the link; none where there is no IPv6."""


@attrs.frozen(kw_only=True)
class NetworkPlan:
    """A network of our own as it is to be."""

    options: NetworkOptions
    factory: str
    forward_dev: str | None = None
    slots: int
    """How many slots have a reservation: not more than `capacity`."""
    needed: frozenset[int] = frozenset()
    """Slots that must have one at once, be they among these or beyond."""

    @property
    def name(self) -> str:
        """Of the libvirt network: Vac 3's, where its addresses are Vac 3's."""
        return f"vac_{self.options.subnet.network_address}"

    @property
    def domain(self) -> str:
        """The DNS domain of the factory, which its machines are in too; empty if it has none."""
        return self.factory.partition(".")[2]

    @property
    def gateway(self) -> IPv4Address:
        """The host's own address on the network, and the machines' DHCP and DNS server."""
        return _VAC3_GATEWAY if self.options.subnet == DEFAULT_SUBNET else self.options.subnet.broadcast_address - 1

    @property
    def gateway6(self) -> IPv6Address | None:
        """The host's IPv6 address on the network."""
        return None if self.options.subnet6 is None else self.options.subnet6.network_address + 1

    @property
    def service_addresses(self) -> tuple[IPv4Address, IPv4Address]:
        """Where machines find the factory's HTTP service."""
        return (METADATA_SERVICE, self.gateway)

    @property
    def capacity(self) -> int:
        """Most slots that addresses are there for."""
        first, taken = self._first, self._taken
        return int(self.options.subnet.broadcast_address) - int(first) - len(taken)

    def host_name(self, slot: int) -> str:
        """The slot's name, as machines' names are made: ``wn01.example.org`` and 3 give ``wn01-03.example.org``."""
        host, dot, domain = self.factory.partition(".")
        return f"{host}-{slot:02d}{dot}{domain}"

    def addresses(self, slot: int) -> SlotAddresses:
        """What a slot has; no two have the same. Raises `PluginError` where the subnet has none left for it."""
        if not 0 <= slot < self.capacity:
            raise PluginError(
                f"slot {slot} has no address: {self.options.subnet} has room for {self.capacity} machines: "
                "set a larger subnet in [plugin libvirt], or a smaller total_processors in [settings]"
            )
        address = self._first + slot
        for taken in self._taken:
            if address >= taken:
                address += 1
        mac = _MAC_PREFIX + address.packed
        return SlotAddresses(mac=mac.hex(":"), ipv4=address, ipv6=self._ipv6(mac))

    def _ipv6(self, mac: bytes) -> tuple[IPv6Address, ...]:
        if self.options.subnet6 is None:
            return ()
        link_local = ipaddress.IPv6Network("fe80::/64")
        return tuple(network.network_address + eui64(mac) for network in (self.options.subnet6, link_local))

    @property
    def _first(self) -> IPv4Address:
        own = self.options.subnet
        return _VAC3_FIRST if own == DEFAULT_SUBNET else own.network_address + 1

    @property
    def _taken(self) -> tuple[IPv4Address, ...]:
        """Addresses from the first slot's on that are no slot's, in order; the broadcast address is not among them."""
        inside = {one for one in self.service_addresses if one in self.options.subnet and one >= self._first}
        return tuple(sorted(inside))


def eui64(mac: bytes) -> int:
    """The lower half of the IPv6 address that a host makes up from its MAC address (RFC 4291, appendix A)."""
    return int.from_bytes(bytes([mac[0] ^ 0x02]) + mac[1:3] + b"\xff\xfe" + mac[3:], "big")
