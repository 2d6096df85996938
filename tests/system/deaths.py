"""A daemon's death by SIGKILL at a write to its journal, and the next one that finds everything as it should be."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import attrs
from system.daemon_kit import DEADLINE, Daemon

DYING = str(Path(__file__).with_name("dying_daemon.py"))


def die_and_clear_up(daemon: Daemon, writes: int) -> Iterable[str]:
    """Let a daemon kill itself after so many writes, and another end what that left; the ids of all machines.

    Each of them must have been planned once, come to one end, and been cleared away once.
    """
    dying = attrs.evolve(daemon, program=(sys.executable, DYING, str(writes)))
    assert dying.launch().wait(DEADLINE) == -signal.SIGKILL
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
    for counts in happened.values():
        assert (counts["planned"], counts["cleared"]) == (1, 1)
        assert counts["gone"] + counts["creation_failed"] == 1
    return tuple(happened)
