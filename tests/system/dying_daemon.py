"""``vac``, but its factory kills itself with SIGKILL right after its nth write to the journal.

Run as ``python dying_daemon.py N WORDS...``.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from vac_core.cli.main import main
from vac_core.factory.journal import Journal

writes = itertools.count(1)
last = int(sys.argv.pop(1))
transaction = Journal._transaction


@contextmanager
def deadly(journal: Journal) -> Iterator[None]:
    with transaction(journal):
        yield
    if next(writes) == last:
        os.kill(os.getpid(), signal.SIGKILL)


Journal._transaction = deadly
main()
