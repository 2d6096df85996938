"""Let one thread live in another process's namespaces.

Namespaces belong to threads: a thread that enters a box opens its sockets in the box's network and starts its children
as the box's processes, while the rest of the program stays where it is. (Python itself has ``os.setns`` from 3.12 on.)
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

_CLONE_FS: Final = 0x00000200
_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUTS: Final = 0x04000000
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWPID: Final = 0x20000000
_CLONE_NEWNET: Final = 0x40000000
_OWN: Final = _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWNET


def enter(pid: int, *, as_parent: bool) -> None:
    """Have the calling thread live where this process lives, in the working directory that it had.

    ``as_parent`` lets the processes that it starts be the box's; the kernel then lets it start no threads. There is no
    way back: give the box threads of its own. Raises `OSError`.
    """
    here = Path.cwd()
    libc = ctypes.CDLL(None, use_errno=True)
    # A thread that shares its working directory with others may not have mounts of its own.
    _check(libc.unshare(_CLONE_FS), "unshare")
    target = os.pidfd_open(pid)
    try:
        _check(libc.setns(target, _OWN | (_CLONE_NEWPID if as_parent else 0)), f"setns of process {pid}")
    finally:
        os.close(target)
    os.chdir(here)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
