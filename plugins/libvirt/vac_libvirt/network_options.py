"""The options of machines' network, in [plugin libvirt]. They name things of the host: no pipe sets them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import attrs

from vac_core.config.read import matching, optional, yes_no
from vac_core.options import OptionValueError, option

DEFAULT_SUBNET = IPv4Network("169.254.0.0/16")
"""Vac 3's: machines have the addresses 169.254.169.NN."""

_SMALLEST_PREFIX = 28
_LARGEST_PREFIX = 12
_SLAAC_PREFIX = 64


def ipv4_subnet(raw: str) -> IPv4Network:
    """An IPv4 subnet that is large enough for some machines, and small enough to be one's own."""
    try:
        found = IPv4Network(raw.strip())
    except ValueError as error:
        raise OptionValueError(f"'{raw}' is no IPv4 subnet: {error}", "write one such as 10.89.0.0/16") from None
    if not _LARGEST_PREFIX <= found.prefixlen <= _SMALLEST_PREFIX:
        raise OptionValueError(
            f"'{raw}' is of no use", f"write a subnet from /{_LARGEST_PREFIX} to /{_SMALLEST_PREFIX}, like 10.89.0.0/16"
        )
    if not found.is_private:
        raise OptionValueError(f"'{raw}' is not for private use", "write a subnet such as 10.89.0.0/16")
    return found


def ipv6_subnet(raw: str) -> IPv6Network:
    """An IPv6 subnet in which machines can make up their own addresses: a /64."""
    try:
        found = IPv6Network(raw.strip())
    except ValueError as error:
        raise OptionValueError(f"'{raw}' is no IPv6 subnet: {error}", "write one such as fd00:a9fe::/64") from None
    if found.prefixlen != _SLAAC_PREFIX or found.is_multicast or found.is_link_local or found.is_loopback:
        raise OptionValueError(f"'{raw}' is of no use", "write a /64 such as fd00:a9fe::/64")
    return found


@attrs.frozen(kw_only=True)
class NetworkOptions:
    """What [plugin libvirt] says of the network that machines are on."""

    network: str | None = option(
        "The site's own libvirt network to put machines on; where neither this nor bridge is set, Vac makes one.",
        optional(matching(r"[^\s/]{1,50}", "the name of a libvirt network; virsh net-list shows them")),
        None,
    )
    bridge: str | None = option(
        "The site's own bridge to put machines on; it needs a DHCP server.",
        optional(matching(r"[^\s/:]{1,15}", "the name of a bridge of this host; ip link shows them")),
        None,
    )
    subnet: IPv4Network = option(  # noqa: RUF009 - a field of attrs, as the others are
        "Addresses of Vac's own network. With Vac 3's, machines are 169.254.169.NN.", ipv4_subnet, DEFAULT_SUBNET
    )
    subnet6: IPv6Network | None = option(  # noqa: RUF009 - a field of attrs, as the others are
        "Also give machines IPv6, with addresses of this subnet; the host's address stands for theirs outside.",
        optional(ipv6_subnet),
        None,
    )
    guest_isolation: bool = option(
        "Keep machines from each other and from this host, but for its HTTP service, DHCP and DNS.", yes_no, True
    )
