"""Run inside a box: keeps machines' network through the box's own libvirt, as a factory does.

Each line on standard input is a JSON object: options of [plugin libvirt] and of [settings], and a slot whose interface
is wanted, or none. Each is answered by a line: the interface, or what was refused.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path

import attrs
import libvirt
from vac_libvirt.errors import explained
from vac_libvirt.network import SlotNetwork
from vac_libvirt.network_options import NetworkOptions, ipv4_subnet, ipv6_subnet

from vac_core.interfaces import PluginError
from vac_core.testing import create_request, home, machine, settings

READERS = {"subnet": ipv4_subnet, "subnet6": ipv6_subnet}


def main(uri, directory):
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open(uri)
    now = {"options": NetworkOptions(), "settings": settings()}
    at = attrs.evolve(home(Path(directory)), settings=lambda: now["settings"], factory="wn01.vac.test")

    @contextmanager
    def use(what):
        try:
            yield connection
        except libvirt.libvirtError as error:
            raise explained(error, what) from error

    network = SlotNetwork(use, at, lambda: now["options"])
    for line in sys.stdin:
        asked = json.loads(line)
        options = {name: READERS.get(name, lambda given: given)(given) for name, given in asked["options"].items()}
        now.update(options=NetworkOptions(**options), settings=settings(total_processors=2, **asked["settings"]))
        sys.stdout.write(json.dumps(answer(network, at, asked["slot"])) + "\n")
        sys.stdout.flush()


def answer(network, at, slot):
    try:
        if slot is None:
            network.ensure()
            return {"trouble": network.trouble}
        [interface] = network.interfaces(create_request(at, machine(slot)))
        return {"trouble": network.trouble, "interface": attrs.asdict(interface)}
    except PluginError as error:
        return {"refused": str(error)}


if __name__ == "__main__":
    main(*sys.argv[1:])
