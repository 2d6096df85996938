"""``vac``, but its factory kills itself with SIGKILL right after one step of its first virtual machine's creation.

Run as ``python dying_creation.py STEP WORDS...``.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Final

from vac_libvirt.delivery import ContextDelivery
from vac_libvirt.disks import LocalDisks
from vac_libvirt.domains import Domains
from vac_libvirt.record import Record

from vac_core.cli.main import main

STEPS: Final[dict[str, tuple[type, str]]] = {
    "record begun": (Record, "begin"),
    "record written": (Record, "write"),
    "disks made": (LocalDisks, "make"),
    "seed written": (ContextDelivery, "deliver"),
    "domain started": (Domains, "start"),
    "start noted": (Record, "note_started"),
}


def die_after(owner: type, name: str) -> None:
    """Have a method be the last thing that this process does."""
    method = getattr(owner, name)

    def deadly(*arguments: Any, **named: Any) -> None:
        method(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)


if __name__ == "__main__":
    die_after(*STEPS[sys.argv.pop(1)])
    main()
