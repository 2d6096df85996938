"""SIGKILL at each journalled step of virtual machines' lives: nothing is left over, and nothing is lost."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs
import dying_creation
import pytest
import system
from dying_creation import STEPS
from guest_host import GuestHost, guest_host
from system.daemon_kit import DEADLINE, shell

pytestmark = pytest.mark.system

DYING = str(Path(system.__path__[0]) / "dying_daemon.py")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GuestHost]:
    with guest_host(tmp_path / "f") as one:
        yield one


def happened(host: GuestHost) -> dict[str, Counter[str]]:
    """How often each thing has happened to each machine."""
    counts: dict[str, Counter[str]] = {}
    for event in host.daemon.events():
        if event["machine"]:
            counts.setdefault(event["machine"]["id"], Counter())[event["what"]] += 1
    return counts


def die_and_clear_up(host: GuestHost, *program: str) -> None:
    """Run a daemon that kills itself in the end, then one that finds what is left; all must be cleared away."""
    machinetype = host.tiny("slow", shell("exit 0"), cmdline="tiny.start=hang", grace_seconds=0)
    host.write_site(machinetype, "total_processors = 2\n")
    dying = attrs.evolve(host.daemon, program=(sys.executable, *program))
    assert dying.launch().wait(DEADLINE) == -signal.SIGKILL
    host.daemon.start()
    host.daemon.wait_for(event_what="created")
    host.daemon.control.post("/drain", {"reason": "see what is left", "until": time.time()})
    while any(counts["cleared"] == 0 for counts in happened(host).values()):
        host.daemon.wait_for(event_what="cleared")
    assert host.left_of_machines() == []
    for counts in happened(host).values():
        assert (counts["planned"], counts["cleared"]) == (1, 1)
        assert counts["gone"] + counts["creation_failed"] == 1


@pytest.mark.parametrize("writes", range(1, 8))
def test_death_after_each_write_leaves_no_domain_and_no_disk(host: GuestHost, writes: int) -> None:
    die_and_clear_up(host, DYING, str(writes))


@pytest.mark.parametrize("step", STEPS)
def test_death_in_the_midst_of_a_creation_leaves_no_domain_and_no_disk(host: GuestHost, step: str) -> None:
    die_and_clear_up(host, dying_creation.__file__, step)
