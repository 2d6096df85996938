"""What of this host machines on a network of ours may reach."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from vac_core.interfaces import PluginError
from vac_libvirt.filter_xml import Walls
from vac_libvirt.host_addresses import host_addresses
from vac_libvirt.network_options import DEFAULT_SUBNET
from vac_libvirt.network_plan import NetworkPlan


def walls_of(plan: NetworkPlan) -> Walls:
    """The walls for a plan, on this host as its addresses are now. Raises `PluginError` where they cannot be known."""
    options = plan.options
    try:
        host = host_addresses() if options.guest_isolation else ()
    except (OSError, ValueError) as error:
        raise PluginError(
            f"the addresses of this host, which machines must not reach, are not known: {error}"
        ) from error
    return walls_for(plan, host)


def walls_for(plan: NetworkPlan, host: tuple[IPv4Network | IPv6Network, ...]) -> Walls:
    """The same for given addresses of the host."""
    options = plan.options
    own = [one for one in (DEFAULT_SUBNET, options.subnet, options.subnet6) if one is not None]
    resolvers: list[IPv4Address | IPv6Address] = [
        *plan.service_addresses,
        *([] if plan.gateway6 is None else [plan.gateway6]),
    ]
    return Walls(
        services=plan.service_addresses,
        resolvers=resolvers,
        forbidden=(*own, *host) if options.guest_isolation else (),
        ipv6=options.subnet6 is not None,
    )
