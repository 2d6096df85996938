"""An image of which only a part is here: it is added to by one connection after the other until it is whole."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Final

from vac_core.images.records import PartRecord, Validators, boot, read, write
from vac_core.images.values import ImageError, Progress

_BLOCK: Final = 2**20


class Part:
    """The file of a part and its record. Only the holder of the URL's lock may have one."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "part"
        self._record_path = directory / "part.json"
        self.record = read(self._record_path, PartRecord) or PartRecord()
        self._digest = hashlib.sha256()
        self._file = self.path.open("ab", buffering=0)
        self.path.chmod(0o600)
        self.octets = self._file.tell()
        if self.octets and self.record.boot != boot():
            self.discard()
        self._take_in()

    def _take_in(self) -> None:
        with self.path.open("rb") as file:
            while block := file.read(_BLOCK):
                self._digest.update(block)

    @property
    def sha256(self) -> str:
        """Of all that is here."""
        return self._digest.hexdigest()

    @property
    def whole(self) -> bool:
        """Whether all has come, as far as the server told how much that is."""
        return bool(self.octets) and self.octets == self.record.total

    def discard(self) -> None:
        """Begin again with nothing."""
        self._file.truncate(0)
        self._digest = hashlib.sha256()
        self.octets = 0
        self.record = PartRecord()
        self._record_path.unlink(missing_ok=True)

    def begin(self, validators: Validators, total: int | None, now: float) -> None:
        """Note what a connection is about to bring; with nothing here it may be any version of the image."""
        self.record = PartRecord(
            etag=validators.etag,
            last_modified=validators.last_modified,
            total=total,
            begun=now,
            offset=self.octets,
            boot=boot(),
        )
        write(self._record_path, self.record)

    def add(self, chunk: bytes) -> None:
        """Write more of it; raises `ImageError` where the disk is full, having given back what it took."""
        try:
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self.trouble(error) from None
        self._digest.update(chunk)
        self.octets += len(chunk)

    def trouble(self, error: OSError) -> ImageError:
        """What to raise for a disk that fails; a full one is given back what the part took."""
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            return ImageError(f"{self.path} cannot be written: {error.strerror}")
        came = self.octets
        self.discard()
        return ImageError(
            f"the disk is full at {self.path.parent} after {came} bytes: free some space, or lower image_cache_gb"
        )

    def finish(self) -> None:
        """See that all of it is on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self.trouble(error) from None

    def close(self) -> None:
        """Let go of the file, and of the record where the file has become an image."""
        self._file.close()
        if not self.path.exists() or not self.path.stat().st_size:
            self.path.unlink(missing_ok=True)
            self._record_path.unlink(missing_ok=True)


def progress(directory: Path, now: float) -> Progress | None:
    """How far a part has come, whoever fetches it; None where nothing has come."""
    record = read(directory / "part.json", PartRecord)
    try:
        octets = (directory / "part").stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
    if record is None or not octets:
        return None
    seconds = now - record.begun
    rate = max(0.0, (octets - record.offset) / seconds) if seconds > 0 else 0.0
    return Progress(octets=octets, total=record.total, octets_per_second=rate)
