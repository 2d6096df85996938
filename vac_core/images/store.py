"""The cache's directory: images by their content, leases on them, and what is kept of each URL.

::

    objects/SHA256            images, 0444; the time of the file is when it was last of use
    leases/MACHINE/SHA256     empty files
    sources/KEY/source.json   which image a URL gave, and when that was last confirmed
    sources/KEY/part          what has come of an image that is not whole yet, with part.json
    sources/KEY/lock          held by the one who fetches
    lock                      held for moments: by whoever takes or gives up leases, adds or removes images
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import attrs

from vac_core.images.locks import locked
from vac_core.images.values import ImageError

SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")
_SEARCHED, _PRIVATE = 0o711, 0o700
_READ_ONLY: Final = 0o444


@attrs.frozen
class Store:
    """Paths below the cache's directory, and the small steps that are taken there."""

    directory: Path

    def prepare(self) -> None:
        """Make what is missing; raises `ImageError`."""
        modes = {self.directory: _SEARCHED, self.objects: _SEARCHED, self.sources: _PRIVATE, self._leases: _PRIVATE}
        try:
            for directory, mode in modes.items():
                if not directory.is_dir():
                    directory.mkdir(parents=True, exist_ok=True)
                    directory.chmod(mode)
        except OSError as error:
            raise ImageError(
                f"the image cache {self.directory} cannot be made: {error.strerror}: mend its permissions or its disk"
            ) from None

    @property
    def objects(self) -> Path:
        """Where the images are."""
        return self.directory / "objects"

    @property
    def sources(self) -> Path:
        """Where each URL has a directory."""
        return self.directory / "sources"

    @property
    def _leases(self) -> Path:
        return self.directory / "leases"

    def lock(self) -> AbstractContextManager[None]:
        """Keep others from changing leases and images for a moment."""
        return locked(self.directory / "lock")

    def image(self, sha256: str) -> Path:
        """Where an image is, if it is there."""
        return self.objects / sha256

    def size(self, sha256: str | None) -> int | None:
        """Octets of an image; None where it is not there."""
        try:
            return None if sha256 is None else self.image(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def add(self, part: Path, sha256: str) -> None:
        """Make a whole part an image, at once; one of the same content that is there already stays."""
        part.chmod(_READ_ONLY)
        with self.lock():
            if self.size(sha256) == part.stat().st_size:
                part.unlink()
                self.used(sha256)
            else:
                part.replace(self.image(sha256))

    def used(self, sha256: str) -> None:
        """Note that an image is of use."""
        if self.image(sha256).exists():
            os.utime(self.image(sha256))

    def images(self) -> Mapping[str, os.stat_result]:
        """All images there are."""
        return {path.name: path.stat() for path in self.objects.iterdir() if SHA256.fullmatch(path.name)}

    def lease(self, machine_id: str, sha256: str) -> None:
        """Note that a machine uses an image; call it with the lock held."""
        if _ID.fullmatch(machine_id) is None:
            raise ImageError(f"{machine_id!r} cannot be a machine's id: use letters, digits, dots and hyphens")
        (self._leases / machine_id).mkdir(mode=_PRIVATE, exist_ok=True)
        (self._leases / machine_id / sha256).touch(mode=0o600)
        self.used(sha256)

    def release(self, machine_id: str) -> None:
        """Forget which images a machine uses."""
        if _ID.fullmatch(machine_id) is None or not (self._leases / machine_id).is_dir():
            return
        with self.lock():
            for sha256 in self.leases().get(machine_id, ()):
                self.used(sha256)
            shutil.rmtree(self._leases / machine_id, ignore_errors=True)

    def lost_leases(self, machines_dir: Path, older_than: float) -> list[str]:
        """Machines that hold leases and whose directories are gone, which are kept for days after their ends."""
        found = [path for path in self._leases.iterdir() if not (machines_dir / path.name).is_dir()]
        return [path.name for path in found if path.stat().st_mtime < older_than]

    def leases(self) -> Mapping[str, frozenset[str]]:
        """Which images each machine uses."""
        machines = [path for path in self._leases.iterdir() if path.is_dir()]
        return {machine.name: frozenset(path.name for path in machine.iterdir()) for machine in machines}

    def source_directories(self) -> Iterator[Path]:
        """The directories of all URLs that are known."""
        yield from (path for path in self.sources.iterdir() if SHA256.fullmatch(path.name))
