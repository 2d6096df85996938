"""A context as files on the host, for a container to have bound."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import attrs

from vac_core.interfaces import CreateRequest
from vac_docker.paths import OWN

_PROGRAM_MODE: Final = 0o755
_OPEN: Final = 0o777


@attrs.frozen
class Written:
    """Where they are on the host."""

    user_data: str
    files: dict[str, str]
    """Path inside to path on the host."""


def write_contents(request: CreateRequest, *, as_root: bool) -> Written:
    """Write them below the machine's directory, which nobody else may enter; raises `OSError`.

    ``as_root`` says whether what runs inside owns what root owns on the host.
    """
    own = request.directory / OWN
    own.mkdir()
    (request.directory / "joboutputs").chmod(_OPEN)  # whoever runs inside may write it
    user_data = _write(own / "user_data", request.context.user_data, _PROGRAM_MODE)
    files = {}
    for number, file in enumerate(request.context.files):
        mode = file.mode & _OPEN if as_root else seen_by_all(file.mode)
        files[file.path] = str(_write(own / f"file-{number}", file.content, mode))
    return Written(str(user_data), files)


def seen_by_all(mode: int) -> int:
    """Let everybody inside do what its owner may: inside there is one VO alone, whatever its users' numbers are."""
    owner = mode >> 6 & 0o7
    return owner << 6 | owner << 3 | owner


def _write(path: Path, content: bytes, mode: int) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)
    return path
