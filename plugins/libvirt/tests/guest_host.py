"""A factory host with a libvirt of its own, and the daemon that makes virtual machines there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import libvirt
from engines import missing
from system.daemon_kit import Daemon
from tiny_guest import CMDLINE, MEMORY_MB, tiny_guest

from vac_core.testing.box import LIBVIRT, LibvirtHost, libvirt_host, unavailable

SILENCE: Final = 300.0
"""Seconds for which a daemon may have nothing to say: an image that could not be had is asked for again in a minute."""

DISKS: Final = "/var/lib/libvirt/images/vac"
"""Where machines' disks are, in the box."""

NETWORK: Final = "sites"
"""Of `libvirt_with_network`."""

PLUGIN: Final = """
[plugin libvirt]
virt_type = qemu
"""


@contextmanager
def real_libvirt() -> Iterator[LibvirtHost]:
    """A libvirt of one's own; a skip with its reason, or in CI a failure, where it cannot be had."""
    if reason := unavailable(*LIBVIRT):
        missing(reason)
    with libvirt_host() as host:
        yield host


@contextmanager
def libvirt_with_network() -> Iterator[LibvirtHost]:
    """One with a network of the site's own, for a hypervisor that is not in the box.

    There it would find no address of Vac's network on its host, and make the network anew whenever it looks, under the
    machines that other threads are making.
    """
    with real_libvirt() as one:
        connection = libvirt.open(one.uri)
        connection.networkCreateXML(
            f"<network><name>{NETWORK}</name><bridge name='sites0'/><ip address='192.0.2.1' netmask='255.255.255.0'>"
            "<dhcp><range start='192.0.2.2' end='192.0.2.200'/></dhcp></ip></network>"
        )
        connection.close()
        yield one


@attrs.define
class GuestHost:
    """The host and its daemon."""

    libvirt: LibvirtHost
    daemon: Daemon

    def write_site(self, machinetypes: str, settings: str = "", plugin: str = PLUGIN) -> None:
        self.daemon.write_site(machinetypes + plugin, settings)

    def tiny(self, name: str, user_data: str, *, cmdline: str = "", **options: object) -> str:
        """A [machinetype] section of tiny guests that run this user_data."""
        guest = tiny_guest()
        given = {
            "machine_model": "kernel",
            "kernel": guest.kernel,
            "initrd": guest.initrd,
            "cmdline": f"{CMDLINE} {cmdline}".strip(),
            "mb_per_processor": MEMORY_MB,
            "disk_gb_per_processor": 1,
        }
        return self.daemon.machinetype(name, user_data, **{**given, **options})

    def why(self, machinetype: str) -> str:
        """What ``vac why`` says of a machinetype."""
        return self.daemon.cli("why", machinetype).stdout

    def domains(self) -> list[str]:
        """Names of all domains that run, whoever made them."""
        with libvirt.open(self.libvirt.uri) as connection:
            return sorted(domain.name() for domain in connection.listAllDomains())

    def left_of_machines(self) -> list[str]:
        """What is still there of any machine: its domain, its disks, its record."""
        disks = self.libvirt.box.path(DISKS)
        records = self.daemon.state.plugin("hypervisor", "libvirt") / "machines"
        places = [one for one in (disks / "machines", records) if one.is_dir()]
        return self.domains() + sorted(str(one) for place in places for one in place.iterdir())

    def let_go(self, machine_id: str) -> None:
        """Let a machine find that its machinefeatures have a key ``go``, for which it waits."""
        (self.daemon.state.machine(machine_id) / "machinefeatures" / "go").write_text("1")

    def console(self, machine_id: str) -> str:
        """What a machine has printed."""
        return (self.daemon.state.machine(machine_id) / "console.log").read_text("utf-8", "replace")


@contextmanager
def guest_host(directory: Path) -> Iterator[GuestHost]:
    """A host whose daemon keeps its files in a directory; all that was started there ends with it."""
    with real_libvirt() as host:
        daemon = Daemon(directory, begin=host.box.popen)
        one = GuestHost(host, daemon)
        try:
            yield one
        finally:
            if daemon.process is not None:
                daemon.signal(signal.SIGKILL)


def outputs(host: GuestHost, machine_id: str) -> dict[str, str]:
    """What a machine has put out, by name."""
    directory = host.daemon.state.machine(machine_id) / "joboutputs"
    there = directory.iterdir() if directory.is_dir() else ()
    return {one.name: one.read_text("utf-8", "replace") for one in there}


def started(host: GuestHost, machinetype: str = "lhcb") -> str:
    """The id of the next machine that is made; no other is made after it."""
    created = host.daemon.wait_for(SILENCE, event_what="created", machinetype=machinetype)
    machine_id: str = created["machine_id"]
    host.daemon.control.post("/drain", {"reason": "one is enough"})
    return machine_id


def outcome(host: GuestHost, machine_id: str) -> str:
    """How it ended, once all it had is cleared away."""
    host.daemon.wait_for(event_what="cleared", machine_id=machine_id)
    [gone] = host.daemon.events("gone", machine=machine_id)
    return str(gone["reason"])


def made_from(host: GuestHost, machine_id: str) -> dict[str, str]:
    """What is kept of the making of a machine in the journal."""
    [created] = host.daemon.events("created", machine=machine_id)
    return dict(created["machine"]["details"])
