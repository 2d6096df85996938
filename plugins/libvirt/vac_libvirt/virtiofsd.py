"""Whether this host has virtiofsd, which serves a directory to a virtual machine: libvirt starts one for each.

It is found as libvirt finds it, by the descriptions of programs that QEMU's own package or another's leaves
(https://qemu-project.gitlab.io/qemu/interop/vhost-user.html, "Backend programs conventions").
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_DESCRIPTIONS: Final = (Path("/etc/qemu/vhost-user"), Path("/usr/share/qemu/vhost-user"))
_MEND: Final = "install virtiofsd, which Debian 12 has in qemu-system-common and others in a package of that name"


def why_no_directory_is_shared(places: Iterable[Path] = _DESCRIPTIONS) -> str:
    """What is missing on this host, with the mend; empty where machines can share a directory with it."""
    described = [path for place in places for path in sorted(place.glob("*.json"))]
    if any(_is_there(path) for path in described):
        return ""
    return f"no program for it is described in {' or '.join(map(str, places))}: {_MEND}"


def _is_there(description: Path) -> bool:
    try:
        told = json.loads(description.read_text("utf-8"))
        return told["type"] == "fs" and Path(told["binary"]).is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return False
