"""SIGKILL at each journalled step of real machines' lives: the next daemon finds everything as it should be."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from pathlib import Path

import attrs
import pytest
from system.daemon_kit import DEADLINE, Daemon, processes_of, shell

pytestmark = pytest.mark.system

DYING = str(Path(__file__).with_name("dying_daemon.py"))


def die_after(daemon: Daemon, writes: int) -> None:
    """Run a daemon that ends by SIGKILL after so many writes to its journal."""
    dying = attrs.evolve(daemon, program=(sys.executable, DYING, str(writes)))
    process = dying.launch()
    assert process.wait(DEADLINE) == -signal.SIGKILL


@pytest.mark.parametrize("writes", range(1, 16))
def test_death_after_each_write_leaves_no_orphan_and_loses_no_record(daemon: Daemon, writes: int) -> None:
    quick = daemon.machinetype("quick", shell("echo '200 done' > $JOBOUTPUTS/shutdown_message"))
    slow = daemon.machinetype("slow", shell("exec sleep 600"))
    daemon.write_site(quick + slow)
    die_after(daemon, writes)
    daemon.start()
    daemon.wait_for(event_what="planned")
    daemon.control.post("/drain", {"reason": "see what is left", "until": time.time()})
    happened: dict[str, Counter[str]] = {}
    while not happened or any(counts["cleared"] == 0 for counts in happened.values()):
        daemon.wait_for(event_what="cleared")
        happened = {}
        for event in daemon.events():
            if event["machine"]:
                happened.setdefault(event["machine"]["id"], Counter())[event["what"]] += 1
    for machine_id, counts in happened.items():
        assert counts["planned"] == 1
        assert counts["gone"] + counts["creation_failed"] == 1
        assert counts["cleared"] == 1
        assert processes_of(machine_id) == []
