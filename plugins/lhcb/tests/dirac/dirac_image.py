"""A Debian that has DIRAC, the server's authorities and a pilot, as an image; and an engine that reaches the server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from debian_image import debian_layer
from dirac_install import dirac_python
from dirac_server import DiracServer
from docker_kit import load
from engines import missing
from vac_docker.testing import add, image_archive

from vac_core.testing.box import DOCKER, Box, ContainerHost, docker_host, unavailable

NAME = "localhost/vac-tests/dirac:1"
SERVER = "10.77.0.1"
ENGINE = "10.77.0.2"
AUTHORITIES = "/etc/grid-security"
PILOT = "/opt/pilot"
BEGIN = "/opt/begin"
HOSTS = f"""\
#!/bin/sh
printf '{SERVER} localhost\\n127.0.0.1 %s\\n' "$(uname -n)" >/etc/hosts
exec "$@"
"""
"""The server calls itself localhost, in its certificate and in all addresses that it tells; here that is elsewhere."""
_STDLIB = Path(sysconfig.get_path("stdlib"))
_OTHERS = (f"{_STDLIB}/site-packages", f"{_STDLIB}/test", f"{_STDLIB}/config-")
"""What this host's Python has beside its own modules."""
_LEFT_OUT = frozenset({"__pycache__"})
_C_LIBRARY = ("libc.", "libm.", "libdl.", "libpthread.", "librt.", "libutil.", "ld-linux", "linux-vdso")


@contextmanager
def dirac_engine(server: DiracServer, pilot: Path) -> Iterator[ContainerHost]:
    """A Docker engine that has the image, in a network with a cable to that of the tests, where the server is."""
    if reason := unavailable(*DOCKER):
        missing(reason)
    archive = image_archive([NAME], [debian_layer(), _layer(server, pilot)], Env=[_path(server.python)])
    with docker_host() as host:
        _connect(host.box)
        load(host, archive)
        del archive
        yield host


def _path(python: Path) -> str:
    return f"PATH={python.parent}:/usr/local/bin:/usr/bin:/bin"


def _connect(box: Box) -> None:
    network = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        peer = ["peer", "name", "engine0", "netns", f"/proc/self/fd/{network}"]
        box.run(["ip", "link", "add", "server0", "type", "veth", *peer], pass_fds=[network])
    finally:
        os.close(network)
    box.run(["ip", "address", "add", f"{ENGINE}/24", "dev", "server0"])
    box.run(["ip", "link", "set", "server0", "up"])
    subprocess.run(["ip", "address", "add", f"{SERVER}/24", "dev", "engine0"], check=True)
    subprocess.run(["ip", "link", "set", "engine0", "up"], check=True)


def _layer(server: DiracServer, pilot: Path) -> bytes:
    """What the image has above Debian; DIRAC is where it is on this host, as its programs name that place."""
    with TemporaryDirectory() as directory:
        written = Path(directory) / "layer.tar"
        with tarfile.open(written, "w") as archive:
            environment = server.python.parent.parent
            for tree in (_STDLIB, environment):
                archive.add(tree, filter=_wanted)
            for library in sorted(_libraries(server.python)):
                archive.add(library.resolve(), str(_below_usr(library)), filter=_wanted)
            archive.add(server.trusted.parent, AUTHORITIES, filter=_wanted)
            archive.add(pilot, PILOT, filter=_wanted)
            add(archive, BEGIN.lstrip("/"), HOSTS.encode(), 0o755)
        return written.read_bytes()


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = f"/{member.name}"
    if not _LEFT_OUT.isdisjoint(name.split("/")) or name.startswith(_OTHERS):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _libraries(python: Path) -> set[Path]:
    """The shared libraries that Python, its modules and DIRAC's want of this host, save for C's own."""
    modules = [python]
    for tree in (_STDLIB / "lib-dynload", python.parent.parent / "lib"):
        modules += tree.rglob("*.so")
    said = subprocess.run(["ldd", *map(str, modules)], capture_output=True, text=True, check=False).stdout
    found = {line.split()[2] for line in said.splitlines() if " => /" in line}
    return {
        Path(path)
        for path in found
        if not os.path.basename(path).startswith(_C_LIBRARY) and not path.startswith(str(python.parent.parent))
    }


def _below_usr(library: Path) -> Path:
    """In Debian /lib is a link, which a directory of a layer would hide."""
    return Path("/usr") / library.relative_to("/") if library.is_relative_to("/lib") else library


if __name__ == "__main__":  # before the tests go into a network from which no package can be reached
    dirac_python()
    if not unavailable(*DOCKER) and shutil.which("mmdebstrap"):
        debian_layer()
