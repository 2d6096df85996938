"""``vac console`` on a terminal, with a real guest at the other end."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import libvirt
import pytest
from click.testing import CliRunner
from echo_guest import ECHO_DISK
from engines import missing
from libvirt_guests import OWNER, guest, mark, new_id
from vac_libvirt.connection import Connection
from vac_libvirt.domain import domain_xml
from vac_libvirt.domains import Domains
from vac_libvirt.event_loop import ensure_running
from vac_libvirt.parts import Disk

from vac_core.cli.main import cli
from vac_core.testing.box import LIBVIRT, LibvirtHost, libvirt_host, unavailable

PATIENCE = 120.0
NAME = "wn01-00.example.org"


def site(directory: Path, uri: str) -> Path:
    path = directory / "vac.conf"
    path.write_text(f"[settings]\nvac_space = {OWNER.space}\n[plugin libvirt]\nuri = {uri}\n")
    return path


@attrs.define
class Terminal:
    """A program on a terminal of its own."""

    program: subprocess.Popen[bytes]
    end: int
    shown: bytes = b""

    def until(self, words: bytes) -> None:
        deadline = time.monotonic() + PATIENCE
        while words not in self.shown:
            ready, _, _ = select.select([self.end], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{words!r} did not come; shown was {self.shown!r}"
            try:
                self.shown += os.read(self.end, 4096)
            except OSError:  # the program has ended, and its terminal with it
                assert words in self.shown, self.shown
        self.shown = self.shown.partition(words)[2]

    def type(self, keys: bytes) -> None:
        os.write(self.end, keys)


@pytest.fixture(scope="module")
def host() -> Iterator[LibvirtHost]:
    if why := unavailable(*LIBVIRT):
        missing(why)
    with libvirt_host() as host:
        yield host


@pytest.fixture
def echoing(host: LibvirtHost, tmp_path: Path) -> Iterator[str]:
    """A guest that gives back what it is told."""
    disk = Path("/var/lib/libvirt/echo.img")
    host.box.path(disk).write_bytes(ECHO_DISK)
    one = Connection(host.uri, lifecycle=lambda uuid, event, detail: None)
    one.start(PATIENCE)
    made = guest(
        machine_id=new_id(),
        domain_type="qemu",
        memory_bytes=2**26,
        processors=1,
        disks=(Disk(source=str(disk), device="vda", boot_order=1),),
    )
    Domains(one, OWNER).start(made)
    yield made.machine_id
    Domains(one, OWNER).end(made.machine_id)
    one.close()


@pytest.fixture
def terminal(host: LibvirtHost, echoing: str, tmp_path: Path) -> Iterator[Terminal]:
    end, other = pty.openpty()
    argv = [sys.executable, "-m", "vac_core", "--config", str(site(tmp_path, host.uri)), "console", NAME]
    with subprocess.Popen(argv, stdin=other, stdout=other, stderr=other, start_new_session=True) as program:
        os.close(other)
        yield Terminal(program, end)
        program.kill()
    os.close(end)


@pytest.mark.system
def test_keys_go_to_the_machine_and_what_it_says_is_shown(terminal: Terminal) -> None:
    terminal.until(b"Ctrl-] ends it")
    terminal.type(b"hello\x03")
    terminal.until(b"hello\x03")
    terminal.type(b"\x1d")
    terminal.until(b"no longer connected")
    assert terminal.program.wait(PATIENCE) == 0


@pytest.mark.system
def test_the_end_of_the_machine_is_the_end_of_the_conversation(terminal: Terminal) -> None:
    terminal.until(b"Ctrl-] ends it")
    terminal.type(b"q")
    terminal.until(f"{NAME} has ended".encode())
    assert terminal.program.wait(PATIENCE) == 0


@pytest.mark.system
def test_a_console_is_not_taken_from_who_has_it_but_by_force(
    terminal: Terminal, host: LibvirtHost, echoing: str, tmp_path: Path
) -> None:
    terminal.until(b"Ctrl-] ends it")
    arguments = ["--config", str(site(tmp_path, host.uri)), "console", echoing]
    second = CliRunner().invoke(cli, arguments)
    assert second.exit_code == 1
    assert "Active console session exists" in second.output
    assert "--force" in second.output


@pytest.fixture
def refusals(tmp_path: Path) -> Iterator[list[str]]:
    """What ``vac console`` is given on a host of libvirt's test driver."""
    ensure_running()
    connection = libvirt.open("test:///default")
    other = guest(machine_id=new_id(), name="other", mark=mark(space="vac02.example.org"))
    domain = connection.createXML(domain_xml(other))
    yield ["--config", str(site(tmp_path, "test:///default")), "console"]
    domain.destroy()
    connection.close()


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ("wn09-00", "no virtual machine wn09-00 runs here: 'vac machines' lists"),
        ("test", "no virtual machine test runs here"),
        ("other", "other is a machine of the space vac02.example.org: give its site files with --config"),
    ],
)
def test_what_is_no_machine_of_the_space_is_refused(refusals: list[str], machine: str, said: str) -> None:
    result = CliRunner().invoke(cli, [*refusals, machine])
    assert result.exit_code == 1
    assert said in result.output


def test_without_libvirt_it_says_what_to_do(tmp_path: Path) -> None:
    path = site(tmp_path, "qemu+unix:///system?socket=/nonexistent/socket")
    result = CliRunner().invoke(cli, ["--config", str(path), "console", NAME])
    assert result.exit_code == 1
    assert "start libvirtd" in result.output
