"""A libvirtd of the test's own, which nobody else sees: in namespaces, with its socket where the test says."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engines import missing

_INSIDE = Path(__file__).with_name("own_libvirtd_inside.py")
_SECONDS = 120.0


@contextlib.contextmanager
def own_libvirtd() -> Iterator[str]:
    """Start one; its connection URI."""
    if os.geteuid() != 0 or shutil.which("libvirtd") is None or shutil.which("unshare") is None:
        missing("libvirtd is not installed, or this is not root, so that no libvirtd can be started for the test")
    with tempfile.TemporaryDirectory(prefix="vac-libvirtd-") as name:
        directory = Path(name)
        socket = directory / "libvirt-sock"
        configuration = directory / "libvirtd.conf"
        configuration.write_text(f'unix_sock_dir = "{directory}"\nauth_unix_rw = "none"\n')
        words = ["unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"]
        with (directory / "log").open("wb") as log:
            daemon = subprocess.Popen(
                [*words, sys.executable, str(_INSIDE), str(configuration)], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            end = time.monotonic() + _SECONDS
            while not socket.exists():
                assert daemon.poll() is None, (directory / "log").read_text()
                assert time.monotonic() < end, "libvirtd did not start in time"
                time.sleep(0.02)
            yield f"qemu+unix:///system?socket={socket}"
        finally:
            daemon.kill()
            daemon.wait()
