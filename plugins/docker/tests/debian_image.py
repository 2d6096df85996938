"""A Debian with Python as an image, built once and kept outside the checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from engines import missing
from kept import kept
from vac_docker.testing import image_archive

NAME = "localhost/vac-tests/debian:1"
SUITE = "bookworm"
_SECONDS = 1200


def debian_archive() -> bytes:
    """The image as ``docker save`` would write it; a skip, or in CI a failure, where it cannot be built."""
    return image_archive([NAME], [debian_layer()], User="nobody")


def debian_layer() -> bytes:
    """All files of Debian, as one layer of an image; a skip, or in CI a failure, where it cannot be built."""
    if shutil.which("mmdebstrap") is None:
        missing("mmdebstrap is not installed: no Debian can be built")
    try:
        layer = kept(f"docker-{SUITE}-python-1", _build) / "root.tar"
    except subprocess.CalledProcessError as problem:
        missing(f"Debian cannot be had: {problem.stderr.decode('utf-8', 'replace')[-1000:]}")
    return layer.read_bytes()


def _build(directory: Path) -> None:
    options = ["--variant=essential", "--include=python3-minimal", "--dpkgopt=path-exclude=/usr/share/doc/*", "--quiet"]
    command = ["mmdebstrap", *options, SUITE, str(directory / "root.tar"), "http://deb.debian.org/debian"]
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
