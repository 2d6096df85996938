"""Control groups that an engine in a box has made in the host's tree."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_IN_USE: Final = {errno.EBUSY, errno.ENOTEMPTY, errno.ENOENT}


def cgroups(name: str) -> list[Path]:
    """The groups of this name at the top of each hierarchy that has one."""
    return [top for top in (_ROOT / name, *_ROOT.glob(f"*/{name}")) if top.is_dir()]


def remove_cgroups(name: str) -> None:
    """Remove the groups of this name with all below them; what another box uses just now stays."""
    for top in cgroups(name):
        for group, _, _ in os.walk(top, topdown=False):
            with _used_by_another():
                Path(group).rmdir()


@contextlib.contextmanager
def _used_by_another() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno not in _IN_USE:
            raise
