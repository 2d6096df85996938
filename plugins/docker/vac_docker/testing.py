"""Images made in memory of what this host has, for tests, benchmarks and demonstrations: nothing is fetched."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

BUSYBOX = Path("/bin/busybox")
DIRECTORIES = ("bin", "dev", "etc", "proc", "root", "scratch", "sys", "tmp", "var", "var/spool")
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"


@cache
def busybox_layer() -> bytes:
    """A root file system that holds a statically linked busybox, as the layer of an image."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name in DIRECTORIES:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(entry)
        add(archive, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        add(archive, "etc/passwd", PASSWD)
        for applet in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet != "busybox":
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(link)
    return written.getvalue()


def layer_of(files: Mapping[str, Path]) -> bytes:
    """A layer that holds copies of files of this host, each at a path of its own; a link stays one."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for directory in ("dev", "etc", "proc", "sys", "tmp", "var/spool"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
            archive.addfile(entry)
        for inside, path in files.items():
            if path.is_symlink():
                entry = tarfile.TarInfo(inside.lstrip("/"))
                entry.type, entry.linkname = tarfile.SYMTYPE, str(path.resolve())
                archive.addfile(entry)
                continue
            add(archive, inside.lstrip("/"), path.read_bytes(), 0o755)
    return written.getvalue()


def add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    """Put a plain file into an archive."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def image_archive(names: Sequence[str], layers: Sequence[bytes], **config: Any) -> bytes:
    """An archive as ``docker save`` writes it; ``config`` is the image's own, such as ``User``."""
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    about = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sh"], **config},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created_by": "vac's tests"} for _ in layers],
    }
    raw = json.dumps(about).encode()
    config_name = f"{hashlib.sha256(raw).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [*names], "Layers": [f"{digest}/layer.tar" for digest in digests]}]
    return archive_of(
        {
            config_name: raw,
            **{f"{digest}/layer.tar": layer for digest, layer in zip(digests, layers, strict=True)},
            "manifest.json": json.dumps(manifest).encode(),
        }
    )


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """A tar archive of these files."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            add(archive, name, content)
    return written.getvalue()


def busybox_archive(*names: str, **config: Any) -> bytes:
    """An image of busybox alone."""
    return image_archive(names, [busybox_layer()], **config)
