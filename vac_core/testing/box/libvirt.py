"""A private libvirt in a box, which any process of the host can reach."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import attrs

from vac_core.testing.box.box import DEADLINE, Box, BoxError, box
from vac_core.testing.box.services import serve

LIBVIRT: Final = ("libvirtd", "virtlogd", "virsh", "qemu-system-x86_64", "dnsmasq", "ebtables")
"""Programs that `libvirt_host` needs; see `unavailable`."""

EMPTY: Final = ("/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt")
_SOCKET: Final = "/run/libvirt/libvirt-sock"
_LOG: Final = "/var/log/libvirt/libvirtd.log"


@attrs.define(eq=False)
class LibvirtHost:
    """A box in which libvirt runs."""

    box: Box
    _daemon: subprocess.Popen[Any]

    @property
    def uri(self) -> str:
        """Where libvirt is connected to from outside the box."""
        return f"qemu+unix:///system?socket={self.box.path(_SOCKET)}"

    @property
    def uri_inside(self) -> str:
        """Where libvirt is connected to by a program that runs in the box."""
        return "qemu:///system"

    def log(self) -> str:
        """What libvirtd has said."""
        return self.box.path(_LOG).read_text("utf-8", "replace")

    def end(self) -> None:
        """End libvirtd; guests go on running."""
        self._daemon.terminate()
        self._daemon.wait(DEADLINE)

    def begin(self) -> None:
        """Start libvirtd again."""
        self._daemon = _libvirtd(self.box)

    def end_guests(self) -> None:
        """End the guests that run: those that end with the box alone leave their control groups in the host's tree."""
        with contextlib.suppress(BoxError, subprocess.TimeoutExpired):  # libvirt may be down, or a guest just gone
            for guest in self.box.run(["virsh", "list", "--uuid"]).stdout.split():
                self.box.run(["virsh", "destroy", guest])


def _libvirtd(at: Box) -> subprocess.Popen[Any]:
    return serve(at, ["libvirtd"], log=_LOG)


@contextlib.contextmanager
def libvirt_host(hostname: str = "wn01.vac.test") -> Iterator[LibvirtHost]:
    """Open a box with a libvirt that knows no guest and no network; close it in the end, guests and all."""
    with box(hostname, EMPTY) as at:
        at.run(["rm", "-rf", "/etc/libvirt/qemu/networks/autostart", "/etc/libvirt/qemu/networks/default.xml"])
        serve(at, ["virtlogd"], log="/var/log/libvirt/virtlogd.log")
        host = LibvirtHost(at, _libvirtd(at))
        try:
            yield host
        finally:
            host.end_guests()
