"""The connection to a real libvirtd that is stopped, started again, and hangs; guests go on."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Iterator

import attrs
import pytest
from engines import missing
from libvirt_guests import OWNER, guest, new_id, reachable_directory
from vac_libvirt.connection import Connection
from vac_libvirt.domains import Domains
from vac_libvirt.errors import UnreachableError
from vac_libvirt.stats import all_figures
from vac_libvirt.trial import try_type

from vac_core.testing.box import LIBVIRT, LibvirtHost, libvirt_host, unavailable

pytestmark = pytest.mark.system

PATIENCE = 120.0


@pytest.fixture(scope="module")
def host() -> Iterator[LibvirtHost]:
    if why := unavailable(*LIBVIRT):
        missing(why)
    with libvirt_host() as host:
        yield host


@attrs.define
class Opened:
    connection: Connection
    openings: queue.SimpleQueue[str]
    events: queue.SimpleQueue[tuple[str, int, int]]


@pytest.fixture
def opened(host: LibvirtHost) -> Iterator[Opened]:
    events: queue.SimpleQueue[tuple[str, int, int]] = queue.SimpleQueue()
    openings: queue.SimpleQueue[str] = queue.SimpleQueue()
    one = Connection(host.uri, lifecycle=lambda *event: events.put(event), keepalive_seconds=1)
    one.start(PATIENCE, opened=lambda: openings.put("opened"))
    openings.get(timeout=PATIENCE)
    yield Opened(one, openings, events)
    one.close()


@pytest.fixture
def running(opened: Opened) -> Iterator[str]:
    """The id of a domain that runs: it boots nothing, and stays."""
    one = guest(machine_id=new_id(), domain_type="qemu", memory_bytes=2**26, processors=1)
    Domains(opened.connection, OWNER).start(one)
    yield one.machine_id
    Domains(opened.connection, OWNER).end(one.machine_id)


def ids(connection: Connection) -> list[str]:
    with connection.use("looking") as libvirtd:
        return [domain.UUIDString() for domain, _ in all_figures(libvirtd)]


def until_refused(connection: Connection) -> UnreachableError:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            ids(connection)
        except UnreachableError as error:
            return error
    raise AssertionError("calls went on although libvirtd was away")


def test_a_libvirtd_that_is_started_again_is_connected_to_again_and_guests_go_on(
    host: LibvirtHost, opened: Opened, running: str
) -> None:
    host.end()
    assert "no connection" in str(until_refused(opened.connection)) or "lost" in opened.connection.trouble
    host.begin()
    opened.openings.get(timeout=PATIENCE)
    assert ids(opened.connection) == [running]
    Domains(opened.connection, OWNER).hold(running, held=True)
    seen = [opened.events.get(timeout=PATIENCE)[0] for _ in range(2)]
    assert seen == [running, running], "its start before, its pause after: events come again"


def test_a_libvirtd_that_hangs_holds_no_call_up_for_ever(host: LibvirtHost, opened: Opened, running: str) -> None:
    daemon = host._daemon.pid
    os.kill(daemon, signal.SIGSTOP)
    try:
        until_refused(opened.connection)
    finally:
        os.kill(daemon, signal.SIGCONT)
    opened.openings.get(timeout=PATIENCE)
    assert ids(opened.connection) == [running]


def test_the_trial_guest_runs_under_emulation_and_leaves_nothing(host: LibvirtHost, opened: Opened) -> None:
    """It shows that the trial tells a guest that runs; what KVM does is another matter on each host."""
    with opened.connection.use("trying") as libvirtd, reachable_directory() as disks:
        assert try_type(libvirtd, "qemu", OWNER, disks) == ""
        assert list(disks.iterdir()) == []
        assert libvirtd.listAllDomains() == []
