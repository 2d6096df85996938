"""Ready-made virtual machines as values, for tests of what is made of them."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from vac_libvirt.guest import Guest
from vac_libvirt.mark import Mark

ID: Final = "6f1d2c3b-4a59-4687-9abc-def012345678"
OWNER: Final = Mark(space="vac01.example.org", factory="wn01.example.org")


def mark(machine_id: str = ID, **changes: str) -> Mark:
    """The mark of a machine of wn01.example.org."""
    return Mark(**{"space": OWNER.space, "factory": OWNER.factory, "machine_id": machine_id, **changes})


def guest(**changes: Any) -> Guest:
    """The smallest machine, of libvirt's test driver."""
    machine_id = changes.get("machine_id", ID)
    made = {
        "machine_id": machine_id,
        "name": "wn01-00.example.org",
        "mark": mark(machine_id),
        "domain_type": "test",
        "memory_bytes": 2**30,
        "processors": 2,
    }
    return Guest(**{**made, **changes})


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """A directory that QEMU's user can reach, as it can a site's ``disk_directory``; pytest's own are closed to it."""
    directory = Path(tempfile.mkdtemp(prefix="vac-disks-", dir="/var/tmp"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def new_id() -> str:
    """An id of its own."""
    return str(uuid.uuid4())
