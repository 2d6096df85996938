"""Factory hosts of one's own on one machine, for tests with real engines and real networks.

A *box* is a process tree with its own mounts, network, host name and process ids, made in hundredths of a second and
gone without a trace, with everything that runs in it, when it is closed or the test dies::

    if reason := unavailable(*LIBVIRT):
        pytest.skip(reason)
    with libvirt_host("wn01.vac.test") as host:
        connection = libvirt.open(host.uri)           # from the test's own process
        host.box.run(["ip", "address", "show"])       # in the box
        host.box.call(server.bind, ("127.0.0.1", 80)) # a socket of the test's in the box's network

Files are the host's, save for /run, /etc (which changes for the box alone) and what an engine keeps. Boxes need root.
"""

from vac_core.testing.box.box import DEADLINE, Box, BoxError, box, unavailable
from vac_core.testing.box.containers import DOCKER, PODMAN, ContainerHost, docker_host, podman_host
from vac_core.testing.box.libvirt import LIBVIRT, LibvirtHost, libvirt_host
from vac_core.testing.box.services import serve
from vac_core.testing.box.wires import cable, switch

__all__ = [
    "DEADLINE",
    "DOCKER",
    "LIBVIRT",
    "PODMAN",
    "Box",
    "BoxError",
    "ContainerHost",
    "LibvirtHost",
    "box",
    "cable",
    "docker_host",
    "libvirt_host",
    "podman_host",
    "serve",
    "switch",
    "unavailable",
]
