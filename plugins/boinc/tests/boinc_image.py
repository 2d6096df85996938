"""A Debian with BOINC's client and a whole Python as a container's image, built once and kept outside the checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from engines import missing
from kept import kept
from vac_docker.testing import image_archive

IMAGE: Final = "localhost/vac-tests/boinc:1"
_SECONDS: Final = 1200


def boinc_archive() -> bytes:
    """The image as ``docker save`` would write it; a skip, or in CI a failure, where it cannot be built."""
    if shutil.which("mmdebstrap") is None:
        missing("mmdebstrap is not installed: no Debian can be built")
    try:
        layer = kept("docker-bookworm-boinc-1", _build) / "root.tar"
    except subprocess.CalledProcessError as problem:
        missing(f"Debian cannot be had: {problem.stderr.decode('utf-8', 'replace')[-1000:]}")
    return image_archive([IMAGE], [layer.read_bytes()], Env=["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])


def _build(directory: Path) -> None:
    options = ["--variant=essential", "--include=python3,boinc-client", "--dpkgopt=path-exclude=/usr/share/doc/*"]
    command = ["mmdebstrap", *options, "--quiet", "bookworm", directory / "root.tar", "http://deb.debian.org/debian"]
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
