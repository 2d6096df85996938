"""The parts that a started hypervisor is put together from."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from vac_core.images import ImageCache
from vac_core.interfaces import Home
from vac_libvirt.cernvm_signatures import Signatures
from vac_libvirt.connection import Connection
from vac_libvirt.delivery import ContextDelivery
from vac_libvirt.disks import LocalDisks
from vac_libvirt.network import SlotNetwork
from vac_libvirt.options import plugin_options
from vac_libvirt.parts import Delivery, Disks, Network


@attrs.frozen
class Parts:
    """Its disks, its network, and its delivery of contexts."""

    disks: Disks
    network: Network
    delivery: Delivery


def assemble(home: Home, connection: Connection, news: Callable[[], None]) -> Parts:
    """The parts for a factory; ``news()`` is called when what they said in ``resources`` has changed."""
    cache = ImageCache.of(home, changed=news)
    directory = plugin_options(home.options()).machines_directory
    disks = LocalDisks(cache, connection, directory, home.settings, signatures=Signatures(changed=news))
    network = SlotNetwork(connection.use, home, lambda: plugin_options(home.options()))
    return Parts(disks, network, ContextDelivery(network.serves))
