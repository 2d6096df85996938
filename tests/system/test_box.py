"""Boxes: factory hosts of one's own, on which everything real is tested."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import missing, needed

from vac_core.testing.box import (
    DEADLINE,
    DOCKER,
    LIBVIRT,
    PODMAN,
    Box,
    BoxError,
    ContainerHost,
    box,
    docker_host,
    libvirt_host,
    podman_host,
    serve,
    switch,
    unavailable,
)
from vac_core.testing.box.cgroups import cgroups

pytestmark = pytest.mark.system

HOLDS_A_BOX = """
import sys
from vac_core.testing.box import box
with box() as one:
    print(one.popen(["sleep", "600"]).pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def one() -> Iterator[Box]:
    if reason := unavailable():
        missing(reason)
    with box() as opened:
        yield opened


def test_a_box_has_a_name_a_network_and_processes_of_its_own(one: Box) -> None:
    assert one.run(["hostname"]).stdout == "wn01.vac.test\n"
    assert [device.name for device in one.path("/sys/class/net").iterdir()] == ["lo"]
    shown = one.run(["ps", "-e", "-o", "pid=,comm="]).stdout.split()
    assert shown[0] == "1"
    assert shown[3:] == ["ps"]
    assert socket.gethostname() != "wn01.vac.test"


def test_files_are_the_hosts_but_run_and_etc_are_its_own(one: Box, tmp_path: Path) -> None:
    one.run(["touch", tmp_path / "made in the box", "/run/only-there", "/etc/only-there"])
    assert (tmp_path / "made in the box").exists()
    for path in ("/run/only-there", "/etc/only-there"):
        assert one.path(path).exists()
        assert not Path(path).exists()


def test_orphans_are_reaped_at_once(one: Box) -> None:
    # It returns when nobody has its standard output open any more.
    one.run(["sh", "-c", "(sleep 0.01; exit 3) &"])
    assert "Z" not in one.run(["ps", "-e", "-o", "stat="]).stdout


def test_a_process_in_a_box_is_a_child_that_can_be_killed_from_here(one: Box) -> None:
    process = one.popen(["sleep", "600"])
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_a_command_that_fails_is_told_of_with_what_it_said(one: Box) -> None:
    with pytest.raises(BoxError, match=r"wn01\.vac\.test: ls /no/such ended with 2: ls: .*/no/such"):
        one.run(["ls", "/no/such"])


def test_what_a_called_function_opens_is_in_the_boxes_network(one: Box) -> None:
    with (
        one.call(socket.create_server, ("127.0.0.1", 995)) as there,
        one.call(socket.create_connection, ("127.0.0.1", 995)) as caller,
        there.accept()[0] as called,
    ):
        caller.sendall(b"from the test's own process")
        assert called.recv(100) == b"from the test's own process"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 995))


def test_threads_of_a_called_function_live_in_the_box_too(one: Box) -> None:
    found: list[str] = []

    def look() -> None:
        found.extend(name for _, name in socket.if_nameindex())

    def start() -> threading.Thread:
        thread = threading.Thread(target=look)
        thread.start()
        return thread

    one.call(start).join()
    assert found == ["lo"]


def test_everything_in_a_box_ends_with_it() -> None:
    if reason := unavailable():
        missing(reason)
    with box() as opened:
        process = opened.popen(["sleep", "600"])
        opened.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 &"])
        root = opened.path("/")
    assert process.returncode == -signal.SIGKILL
    assert not root.exists()


def test_everything_in_a_box_ends_when_its_maker_is_killed() -> None:
    if reason := unavailable():
        missing(reason)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_BOX], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdout is not None
        inside = os.pidfd_open(int(maker.stdout.readline()))
        maker.kill()
        maker.wait()
        try:
            assert select.select([inside], [], [], DEADLINE)[0], "a process of the box outlived its maker"
        finally:
            os.close(inside)


def test_a_service_that_does_not_come_up_is_told_of_with_its_log(one: Box) -> None:
    with pytest.raises(BoxError, match="false ended with 1 before it was ready"):
        serve(one, ["false"], log="/run/false.log")


def test_boxes_on_a_switch_hear_each_other_and_nobody_else() -> None:
    if reason := unavailable():
        missing(reason)
    with box("site.vac.test") as site, box("wn01.vac.test") as wn01, box("wn02.vac.test") as wn02:
        switch(site, "10.77.0.254/24", {"10.77.0.1/24": wn01, "10.77.0.2/24": wn02})
        with (
            wn02.call(socket.create_server, ("10.77.0.2", 995)) as there,
            wn01.call(socket.create_connection, ("10.77.0.2", 995)),
        ):
            called, caller = there.accept()
            called.close()
            assert caller[0] == "10.77.0.1"


def test_libvirt_in_a_box_is_reached_from_outside_and_begins_with_nothing() -> None:
    libvirt = needed("libvirt")
    if reason := unavailable(*LIBVIRT):
        missing(reason)
    with libvirt_host() as host:
        with libvirt.open(host.uri) as connection:
            assert connection.getHostname() == "wn01.vac.test"
            assert connection.listAllDomains() == []
            assert connection.listAllNetworks() == []
        host.end()
        with pytest.raises(libvirt.libvirtError):
            libvirt.open(host.uri)
        host.begin()
        libvirt.open(host.uri).close()


def engine_answers(host: ContainerHost) -> dict[str, object]:
    docker = needed("docker")
    client = docker.DockerClient(base_url=host.url, timeout=60)
    try:
        assert client.containers.list(all=True) == []
        assert client.images.list() == []
        return dict(client.version())
    finally:
        client.close()


def test_docker_in_a_box_is_reached_from_outside_and_begins_with_nothing() -> None:
    if reason := unavailable(*DOCKER):
        missing(reason)
    with docker_host() as host:
        assert engine_answers(host)["Os"] == "linux"
        group = f"vac-box-{host.box.pid}"
    assert cgroups(group) == []


def test_podman_in_a_box_answers_as_docker_does() -> None:
    if reason := unavailable(*PODMAN):
        missing(reason)
    with podman_host() as host:
        assert engine_answers(host)["Os"] == "linux"


def test_guests_that_run_when_a_box_is_closed_leave_no_control_groups() -> None:
    libvirt = needed("libvirt")
    if reason := unavailable(*LIBVIRT):
        missing(reason)
    name = f"left-{os.getpid()}"
    with libvirt_host() as host, libvirt.open(host.uri) as connection:
        connection.createXML(
            f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>16</memory><os><type>hvm</type></os></domain>"
        )
        assert any(name in one.name for group in cgroups("machine") for one in group.iterdir())
    assert not [one for group in cgroups("machine") for one in group.iterdir() if name in one.name]
