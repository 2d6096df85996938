"""Scratch space of machines, as volumes of the engine: held to a size where its storage can do that."""

from __future__ import annotations

import contextlib
import io
import logging
import tarfile
from collections.abc import Mapping
from typing import Final

from vac_docker.engine import Engine
from vac_docker.errors import EngineError, EngineGoneError, NotThereError
from vac_docker.labels import MACHINE, has, label_filter

_log = logging.getLogger(__name__)

_OPEN_TO_ALL: Final = 0o1777
_CANNOT_SIZE: Final = ("quota", "invalid option", "storage-opt", "no such option", "unsupported")


def cannot_size(problem: EngineError) -> bool:
    """Whether an engine says that its storage cannot hold anything to a size."""
    return any(word in str(problem).lower() for word in _CANNOT_SIZE)


class Volumes:
    """Those of one factory. It finds out once whether the engine can size them."""

    def __init__(self, engine: Engine, labels: Mapping[str, str]) -> None:
        self._engine = engine
        self._labels = labels
        self._sized: bool | None = None

    @property
    def sized(self) -> bool | None:
        """Whether the engine holds volumes to a size; None before it was tried."""
        return self._sized

    def create(self, name: str, labels: Mapping[str, str], size: int | None) -> None:
        """Make one, of this size in octets if the engine can hold it to that."""
        if size is not None and self._sized is not False:
            try:
                self._create(name, labels, {"size": str(size)})
            except EngineGoneError:
                raise
            except EngineError as problem:
                if not cannot_size(problem):
                    raise
                _log.info("scratch space is not held to a size: %s", problem)
                self._sized = False
            else:
                self._sized = True
                return
        self._create(name, labels, {})

    def _create(self, name: str, labels: Mapping[str, str], options: Mapping[str, str]) -> None:
        with self._engine.asked(f"making the volume {name}") as client:
            client.create_volume(name, driver="local", driver_opts=dict(options) or None, labels=dict(labels))

    def open_to_all(self, container_id: str, path: str) -> None:
        """Let every user inside write at a path: a volume is root's alone where its image has no such directory."""
        with self._engine.asked(f"opening {path} to all inside") as client:
            client.put_archive(container_id, path, _opened())

    def remove_of(self, machine_id: str) -> None:
        """Take a machine's away; one that is gone is no error."""
        labels = {**self._labels, MACHINE: machine_id}
        with self._engine.asked("listing volumes") as client:
            found = client.volumes(filters=label_filter(labels)).get("Volumes") or []
        for one in found:
            if has(one.get("Labels"), labels):
                with contextlib.suppress(NotThereError), self._engine.asked("removing a volume") as client:
                    client.remove_volume(one["Name"])


def _opened() -> bytes:
    """An archive that says nothing but the mode of the directory into which it is put."""
    directory = tarfile.TarInfo("")
    directory.type, directory.mode = tarfile.DIRTYPE, _OPEN_TO_ALL
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(directory)
    return written.getvalue()
