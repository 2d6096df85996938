"""The network that machines are on: made, checked and mended through libvirt, and what each machine has of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import attrs

from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home, Urls
from vac_core.model import Machine
from vac_libvirt.filter_xml import FILTER
from vac_libvirt.filters import Filters
from vac_libvirt.network_making import ensure_network
from vac_libvirt.network_options import NetworkOptions
from vac_libvirt.network_plan import HTTP_PORT, METADATA_SERVICE, NetworkPlan
from vac_libvirt.network_walls import walls_of
from vac_libvirt.parts import Interface
from vac_libvirt.site_network import SiteNetwork, find_site_network

FEWEST_RESERVATIONS: Final = 100
"""As many as Vac 3 had; a host with many processors has more."""

Use = Callable[[str], AbstractContextManager[Any]]
"""Gives a connection to libvirt for what is said, and turns its errors into `PluginError`."""


class SlotNetwork:
    """Machines' network: Vac's own, or the site's. It may be used by many threads."""

    def __init__(self, use: Use, home: Home, options: Callable[[], NetworkOptions]) -> None:
        self._use = use
        self._home = home
        self._options = options
        self._filters = Filters()
        self._lock = threading.Lock()
        self._needed: frozenset[int] = frozenset()
        self._site: SiteNetwork | None = None
        self.trouble = ""
        """What is wrong with the network though machines can be made; empty for nothing."""

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with a machinetype's network: nothing, as the network is the site's affair."""
        del machinetype
        return ()

    def ensure(self) -> None:
        """Make or mend the network and its filters; raises `PluginError` where it cannot be had."""
        with self._lock:
            self._ensure()

    def interfaces(self, request: CreateRequest) -> Sequence[Interface]:
        """The machine's one interface; its network is there when this returns. Raises `PluginError`."""
        slot = request.machine.slot
        mac = self.plan().addresses(slot).mac
        with self._lock:
            self._needed = frozenset({slot})
            self._ensure()
            return [self._own(slot) if self._site is None else self._site.interface(mac)]

    def address_of(self, machine: Machine) -> str:
        """The slot's address; empty where the site's DHCP server gives one that only it knows."""
        addresses = self.plan().addresses(machine.slot)
        if self.serves():
            return str(addresses.ipv4)
        return "" if self._site is None else self._site.address_of(addresses.mac)

    def serves(self) -> bool:
        """Whether machines find the factory's HTTP service where every cloud has it."""
        return not _is_site_s(self._options())

    def urls(self) -> Urls | None:
        """Where machines that are known by their addresses find what is theirs; None where it takes a token."""
        if not self.serves():
            return None
        base = f"http://{METADATA_SERVICE}"
        return Urls(
            machinefeatures=f"{base}/machinefeatures",
            jobfeatures=f"{base}/jobfeatures",
            joboutputs=f"{base}/joboutputs",
        )

    def service_addresses(self) -> Sequence[tuple[str, int]]:
        """Where the factory's HTTP service must listen for machines: on Vac's own network alone."""
        if not self.serves():
            return ()
        return [(str(address), HTTP_PORT) for address in self.plan().service_addresses]

    def clear(self, machine_id: str) -> None:
        """Nothing is made for one machine alone."""

    def plan(self) -> NetworkPlan:
        """Vac's own network as site files want it now."""
        settings, options = self._home.settings(), self._options()
        processors = settings.total_processors or os.cpu_count() or 1
        plan = NetworkPlan(options=options, factory=self._home.factory, forward_dev=settings.forward_dev, slots=0)
        slots = min(plan.capacity, max(FEWEST_RESERVATIONS, 2 * processors))
        return attrs.evolve(plan, slots=slots, needed=frozenset(one for one in self._needed if one < plan.capacity))

    def _ensure(self) -> None:
        options = self._options()
        may_mend = self._home.settings().fix_networking
        with self._use("the network of machines") as connection:
            if _is_site_s(options):
                self._site, self.trouble = find_site_network(connection, options), ""
                return
            plan = self.plan()
            self._site, self.trouble = None, ensure_network(connection, plan, may_mend=may_mend)
            self._filters.ensure(connection, walls_of(plan), may_mend=may_mend)

    def _own(self, slot: int) -> Interface:
        plan = self.plan()
        addresses = plan.addresses(slot)
        parameters = [("IP", str(addresses.ipv4)), *(("IPV6", str(one)) for one in addresses.ipv6)]
        return Interface(
            mac=addresses.mac,
            network=plan.name,
            filter=FILTER,
            filter_parameters=tuple(parameters),
            isolated=plan.options.guest_isolation,
        )


def _is_site_s(options: NetworkOptions) -> bool:
    return options.network is not None or options.bridge is not None
