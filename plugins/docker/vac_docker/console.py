"""What a machine printed: the newest part of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vac_docker.engine import Engine

CONSOLE_LOG: Final = "console.log"


def printed(engine: Engine, container_id: str, most_octets: int) -> bytes:
    """The newest part of what a container printed to either of its outputs; raises `EngineError`.

    All that the engine has is asked for, which the log's own limit keeps small: there is no asking for its end.
    """
    with engine.asked("reading what a container printed") as client:
        whole: bytes = client.logs(container_id, stdout=True, stderr=True)
    return whole[-most_octets:] if most_octets > 0 else b""


def keep(directory: Path, content: bytes) -> None:
    """Leave it as console.log in a machine's directory, if that still exists, whole or not at all."""
    if not directory.is_dir():
        return
    new = directory / f".{CONSOLE_LOG}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    new.replace(directory / CONSOLE_LOG)
