"""A machine's root disk: an overlay made through libvirt, against ``qemu-img`` run as a command."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import libvirt
from vac_libvirt.disks_bases import inspect
from vac_libvirt.disks_files import make_sparse
from vac_libvirt.disks_overlay import make_overlay

from benchmarks.table import Row
from vac_core.testing.box import LIBVIRT, libvirt_host, unavailable

_ROUNDS = 30
_BASE_OCTETS = 2 * 10**9


def run() -> Iterator[Row]:
    """Measure with a libvirtd in a box; nothing where an engine is not installed."""
    if reason := unavailable(*LIBVIRT, "qemu-img"):
        print(f"libvirt_disks: not measured: {reason}", file=sys.stderr)
        return
    with libvirt_host() as host, tempfile.TemporaryDirectory(prefix="vac-bench-") as name:
        yield from _rows(host.uri, Path(name))


def _rows(uri: str, directory: Path) -> Iterator[Row]:
    image = directory / "base.raw"
    with image.open("wb") as file:
        file.truncate(_BASE_OCTETS)
    base = inspect(image)
    libvirtd = libvirt.open(uri)

    def overlay() -> None:
        machine_id = str(uuid.uuid4())
        (directory / machine_id).mkdir()
        make_overlay(libvirtd, directory / machine_id / "vda.qcow2", base, machine_id)

    def command() -> None:
        words = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image), "-F", "raw"]
        subprocess.run([*words, str(directory / f"{uuid.uuid4()}.qcow2")], check=True)

    yield _row("libvirt disks: overlay through libvirt's storage API", overlay)
    yield _row("libvirt disks: the same by qemu-img as a command", command)
    yield _row("libvirt disks: looking at an image's header", lambda: inspect(image))
    yield _row("libvirt disks: sparse disk of 40 GB", lambda: make_sparse(directory / str(uuid.uuid4()), 40 * 10**9))
    libvirtd.close()


def _row(what: str, work: Callable[[], object]) -> Row:
    samples = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        work()
        samples.append(1000 * (time.perf_counter() - begin))
    return Row(what=what, unit="ms", samples=samples)
