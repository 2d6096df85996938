"""Starts a libvirtd inside the namespaces that `own_libvirtd` made: hides what the host has of it, and becomes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_HIDDEN = (
    "/run",
    "/var/lib/libvirt",
    "/var/log/libvirt",
    "/var/cache/libvirt",
    "/etc/libvirt/qemu",
    "/etc/libvirt/storage",
)

if __name__ == "__main__":
    for path in _HIDDEN:
        Path(path).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path], check=True)
    os.execvp("libvirtd", ["libvirtd", "--config", sys.argv[1]])
