"""A factory host with a private libvirt, the outside world, and guests: boxes that are plugged in as machines are.

A guest here is a box and not a virtual machine, so that a test can have it do anything with its network in no time.
libvirt puts the same filter on its port that it puts on a machine's (a filter binding), and its port is isolated in
the same way.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import attrs
import libvirt

from vac_core.testing.box import DEADLINE, Box, LibvirtHost, box, cable, libvirt_host

KEEPER = Path(__file__).with_name("network_keeper.py")
OUTSIDE, OUTSIDE6 = "10.77.0.254", "fd77::254"
HOST_OUTSIDE, HOST_OUTSIDE6 = "10.77.0.1", "fd77::1"
BLOCKED_SECONDS = 2.0
"""How long a guest waits for an answer that must not come; that it would come is shown without the wall each time."""

LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" broadcast "$broadcast" dev "$interface"
ip route add default via "$router"
hostname "$hostname.$domain"
echo "nameserver $dns" >/etc/resolv.conf
"""


class _SaysWho(BaseHTTPRequestHandler):
    """Answers with the address that a request came from."""

    def do_GET(self):
        body = self.client_address[0].removeprefix("::ffff:").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def answering(at, port):
    """Let a box answer, on a port of all its addresses, whom a request came from."""
    with at.call(_Server, ("::", port), _SaysWho) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@attrs.define
class Guest:
    """A box in the place of a machine."""

    box: Box
    mac: str

    def gets(self, address, port=80, seconds=DEADLINE):
        """Whom a server says that a request of ours came from; None where it cannot be reached."""
        return self.box.call(_asked, address, port, seconds)

    def reaches(self, address, port=80):
        """Whether a server answers, when not much time is given to it."""
        return self.gets(address, port, BLOCKED_SECONDS) is not None

    def take_lease(self, directory):
        script = directory / "lease"
        script.write_text(LEASE)
        script.chmod(0o755)
        self.box.run(["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "30", "-T", "1", "-s", script])

    def address(self):
        shown = json.loads(self.box.run(["ip", "-4", "-j", "address", "show", "eth0"]).stdout)
        return [one["local"] for one in shown[0]["addr_info"]]

    def wait_for_ipv6(self):
        """Until the kernel has made up an address from what a router told it, and nobody else has that."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            shown = json.loads(self.box.run(["ip", "-6", "-j", "address", "show", "eth0", "scope", "global"]).stdout)
            each = [one for device in shown for one in device.get("addr_info", [])]
            found = [one["local"] for one in each if "local" in one and not one.get("tentative")]
            if found:
                return found
            time.sleep(0.1)
        raise TimeoutError("no IPv6 address came")

    def set_address(self, *cidr):
        self.box.run(["ip", "address", "flush", "dev", "eth0"])
        for one in cidr:
            self.box.run(["ip", "address", "add", one, "dev", "eth0"])


def _asked(address, port, seconds):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as client, suppress(OSError):
        client.settimeout(seconds)
        client.connect((address, port))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with client.makefile("rb") as answer:
            return answer.read().rpartition(b"\r\n\r\n")[2].decode()
    return None


@attrs.define
class Lab:
    """What is there for a test."""

    host: LibvirtHost
    directory: Path
    connection: libvirt.virConnect
    keeper: subprocess.Popen
    stack: ExitStack
    options: dict = attrs.field(factory=dict)
    settings: dict = attrs.field(factory=dict)
    plugged: int = 0

    def ask(self, slot=None):
        self.keeper.stdin.write(json.dumps({"options": self.options, "settings": self.settings, "slot": slot}) + "\n")
        self.keeper.stdin.flush()
        return json.loads(self.keeper.stdout.readline())

    def ensure(self):
        """Have the network looked after; what is wrong with it."""
        answer = self.ask()
        assert "refused" not in answer, answer
        return answer["trouble"]

    def guest(self, slot, *, lease=True):
        """A guest in a slot, with the interface that a machine there would have."""
        interface = self.ask(slot)["interface"]
        opened = self.stack.enter_context(box(f"guest{slot}.vac.test"))
        self.plugged += 1
        device = f"port{self.plugged}"
        cable(self.host.box, device, opened, "eth0")
        opened.run(["ip", "link", "set", "eth0", "down"])
        opened.run(["ip", "link", "set", "eth0", "address", interface["mac"]])
        self.host.box.run(["ip", "link", "set", device, "master", self.bridge_of(interface)])
        if interface["isolated"]:
            self.host.box.run(["bridge", "link", "set", "dev", device, "isolated", "on"])
        self.connection.nwfilterBindingCreateXML(binding(device, interface))
        opened.run(["ip", "link", "set", "eth0", "up"])
        guest = Guest(opened, interface["mac"])
        if lease:
            guest.take_lease(self.directory)
        return guest

    def bridge_of(self, interface):
        """The bridge that an interface is plugged into."""
        return interface["bridge"] or self.connection.networkLookupByName(interface["network"]).bridgeName()

    def serve(self, at, port):
        """Let a box answer on a port of all its addresses, for as long as the lab is open."""
        self.stack.enter_context(answering(at, port))

    def domain(self, slot):
        """A machine without a system, which waits for ever: there is its interface, and nobody who uses it."""
        interface = self.ask(slot)["interface"]
        domain = ET.Element("domain", type="qemu")
        ET.SubElement(domain, "name").text = f"wn01-{slot:02}.vac.test"
        ET.SubElement(domain, "memory", unit="MiB").text = "64"
        ET.SubElement(ET.SubElement(domain, "os"), "type", arch="x86_64", machine="q35").text = "hvm"
        nic = ET.SubElement(ET.SubElement(domain, "devices"), "interface", type="network")
        ET.SubElement(nic, "mac", address=interface["mac"])
        ET.SubElement(nic, "source", network=interface["network"])
        ET.SubElement(nic, "port", isolated="yes")
        nic.append(filter_reference(interface))
        return self.connection.createXML(ET.tostring(domain, "unicode"), libvirt.VIR_DOMAIN_START_PAUSED)


def filter_reference(interface):
    reference = ET.Element("filterref", filter=interface["filter"])
    for name, value in interface["filter_parameters"]:
        ET.SubElement(reference, "parameter", name=name, value=value)
    return reference


def binding(device, interface):
    root = ET.Element("filterbinding")
    owner = ET.SubElement(root, "owner")
    ET.SubElement(owner, "name").text = device
    ET.SubElement(owner, "uuid").text = str(uuid4())
    ET.SubElement(root, "portdev", name=device)
    ET.SubElement(root, "mac", address=interface["mac"])
    root.append(filter_reference(interface))
    return ET.tostring(root, "unicode")


@contextmanager
def network_lab(directory):
    """Open one; everything in it ends with it."""
    with ExitStack() as stack:
        host = stack.enter_context(libvirt_host())
        outside = stack.enter_context(box("outside.vac.test"))
        cable(host.box, "eth0", outside, "eth0")
        for at, addresses in ((host.box, (HOST_OUTSIDE, HOST_OUTSIDE6)), (outside, (OUTSIDE, OUTSIDE6))):
            for address, prefix in zip(addresses, ("24", "64"), strict=True):
                at.run(["ip", "address", "add", f"{address}/{prefix}", "dev", "eth0", *(["nodad"] * (prefix == "64"))])
        connection = libvirt.open(host.uri)
        stack.callback(connection.close)
        keeper = host.box.popen(
            [sys.executable, KEEPER, host.uri_inside, directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        lab = Lab(host, directory, connection, keeper, stack)
        lab.serve(outside, 80)
        yield lab
        keeper.stdin.close()
