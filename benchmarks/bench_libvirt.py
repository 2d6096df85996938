"""Virtual machines through a real libvirt: making one, its end to its successor's start, and the cost of watching many.

The guests are a disk of one sector, so what is measured is Vac's, libvirt's and QEMU's, and no operating system's.
"""

from __future__ import annotations

import queue
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import attrs
import libvirt
from vac_libvirt import LibvirtHypervisor
from vac_libvirt.options import LibvirtPlugin
from vac_libvirt.trial_guest import trial_disk

from benchmarks.table import Row
from vac_core.config.schema import MachineType
from vac_core.interfaces import CreateRequest, Home
from vac_core.testing import create_request, home, machine, machinetype
from vac_core.testing.box import LIBVIRT, libvirt_host, unavailable

_ROUNDS = 10
_WATCHED = 16
_LISTS = 50
_MEMORY = 32 * 2**20
_NETWORK = "bench"
_STAYS = bytes.fromhex("faf4ebfd").ljust(510, b"\0") + b"\x55\xaa"  # cli; hlt; and again
_PATIENCE = 300.0


@attrs.define
class _Bench:
    hypervisor: LibvirtHypervisor
    home: Home
    uri: str
    images: Path
    news: queue.SimpleQueue[tuple[str, float]] = attrs.field(factory=queue.SimpleQueue)
    slots: Iterator[int] = attrs.field(factory=count)

    def request(self, image: str) -> CreateRequest:
        of_type = _machinetype(self.images / image)
        one = machine(next(self.slots), machine_model="vm-raw", hypervisor="libvirt", memory_bytes=_MEMORY)
        return create_request(self.home, one, of_type)

    def until_ended(self, machine_id: str) -> float:
        """When the news came that a machine has ended."""
        while True:
            told, at = self.news.get(timeout=_PATIENCE)
            if told == machine_id and any(
                one.machine_id == told and one.ended for one in self.hypervisor.list_machines()
            ):
                return at


def run() -> Iterator[Row]:
    """Measure with a libvirtd in a box; nothing where an engine is not installed."""
    if reason := unavailable(*LIBVIRT):
        print(f"libvirt: not measured: {reason}", file=sys.stderr)
        return
    with _bench() as bench:
        yield _row("libvirt: create() to createXML having returned", [_create(bench) for _ in range(_ROUNDS)])
        yield _row("libvirt: createXML of the same domain by itself", [_bare(bench) for _ in range(_ROUNDS)])
        yield _row("libvirt: a guest's end to its successor's start", list(_turnarounds(bench)))
        yield from _watched(bench)


@contextmanager
def _bench() -> Iterator[_Bench]:
    directory = Path(tempfile.mkdtemp(prefix="vac-bench-", dir="/var/tmp"))
    directory.chmod(0o711)
    try:
        for name, disk in (("ends", trial_disk(1, 1)), ("stays", _STAYS.ljust(2**20, b"\0"))):
            (directory / name).write_bytes(disk)
        with libvirt_host() as host:
            _make_network(host.uri)
            options = LibvirtPlugin(
                uri=host.uri, virt_type="qemu", network=_NETWORK, disk_directory=str(directory / "disks")
            )
            bench = _Bench(LibvirtHypervisor(), home(directory, options=options), host.uri, directory)
            bench.hypervisor.start(bench.home)
            bench.hypervisor.watch(lambda machine_id: bench.news.put((machine_id, time.perf_counter())))
            yield bench
            _clear(bench)
            bench.hypervisor.stop()
    finally:
        shutil.rmtree(directory)


def _make_network(uri: str) -> None:
    with libvirt.open(uri) as connection:
        connection.networkCreateXML(
            f"<network><name>{_NETWORK}</name><bridge name='bench0'/><ip address='192.0.2.1' netmask='255.255.255.0'/>"
            "</network>"
        )


def _machinetype(image: Path) -> MachineType:
    return machinetype(machine_model="vm-raw", hypervisor="libvirt", root_image=str(image), disk_gb_per_processor=1)


def _create(bench: _Bench) -> float:
    request = bench.request("stays")
    begin = time.perf_counter()
    bench.hypervisor.create(request)
    took = time.perf_counter() - begin
    bench.hypervisor.destroy(request.machine.id)
    return took


def _bare(bench: _Bench) -> float:
    """The same XML, with all that it names there already."""
    request = bench.request("stays")
    bench.hypervisor.create(request)
    with libvirt.open(bench.uri) as connection:
        domain = connection.lookupByUUIDString(request.machine.id)
        xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE)
        domain.destroy()
        begin = time.perf_counter()
        connection.createXML(xml)
        took = time.perf_counter() - begin
    bench.hypervisor.destroy(request.machine.id)
    return took


def _turnarounds(bench: _Bench) -> Iterator[float]:
    request = bench.request("ends")
    bench.hypervisor.create(request)
    for _ in range(_ROUNDS):
        ended = bench.until_ended(request.machine.id)
        bench.hypervisor.destroy(request.machine.id)
        request = bench.request("ends")
        bench.hypervisor.create(request)
        yield time.perf_counter() - ended


def _watched(bench: _Bench) -> Iterator[Row]:
    """How long a look at many guests takes, and what each of them costs this process's own processor."""
    _clear(bench)
    for _ in range(_WATCHED):
        bench.hypervisor.create(bench.request("stays"))
    looks, costs = [], []
    for _ in range(_LISTS):
        begin, used = time.perf_counter(), time.process_time()
        bench.hypervisor.list_machines()
        looks.append(time.perf_counter() - begin)
        costs.append((time.process_time() - used) / _WATCHED)
    yield _row(f"libvirt: list_machines() of {_WATCHED} guests", looks)
    yield _row("libvirt: processor time of one look, per watched guest", costs)


def _clear(bench: _Bench) -> None:
    for one in bench.hypervisor.list_machines():
        bench.hypervisor.destroy(one.machine_id)


def _row(what: str, seconds: list[float]) -> Row:
    return Row(what=what, unit="ms", samples=[1000 * one for one in seconds])
