"""What is kept on disk of each URL, so that it outlives processes: its source and its unfinished part."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from vac_core.atomic import write_atomically

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Validators:
    """By what a server tells one version of an image from another (RFC 9110, section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def known(self) -> bool:
        """Whether there is any, so that it can be told later whether the image is still the current one."""
        return bool(self.etag or self.last_modified)

    @property
    def condition(self) -> dict[str, str]:
        """Headers that ask for the content only if it is another."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in given.items() if value}

    @property
    def range_condition(self) -> str | None:
        """The value of If-Range: it takes no weak tag."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified

    def same(self, other: Validators) -> bool:
        """Whether both are of one version: by the tag where both have one, else by the time."""
        if self.etag and other.etag:
            return self.etag.removeprefix("W/") == other.etag.removeprefix("W/")
        return bool(self.last_modified) and self.last_modified == other.last_modified


@attrs.frozen(kw_only=True)
class Source:
    """A URL and the image that it gave. Times are Unix seconds."""

    url: str
    """Without what may be secret in it; the whole one is only in the site's files."""
    pinned: bool = False
    """Whether its sha256 was prescribed, so that currency is no question."""
    sha256: str | None = None
    size: int = 0
    etag: str | None = None
    last_modified: str | None = None
    fetched: float | None = None
    checked: float | None = None
    outdated: bool = False
    """Whether the server is known to have another by now."""
    tried: float | None = None
    problem: str = ""
    """Why the latest try failed."""

    @property
    def validators(self) -> Validators:
        """Those of the image."""
        return Validators(etag=self.etag, last_modified=self.last_modified)


@attrs.frozen(kw_only=True)
class PartRecord:
    """What is known of an image of which a part is here."""

    etag: str | None = None
    last_modified: str | None = None
    total: int | None = None
    begun: float = 0.0
    """When the latest connection began to bring it, and how much was there then: for the rate."""
    offset: int = 0
    boot: str = ""

    @property
    def validators(self) -> Validators:
        """Those of the version that it is a part of."""
        return Validators(etag=self.etag, last_modified=self.last_modified)


def key(url: str, sha256: str | None) -> str:
    """The name of a URL's directory: a prescribed checksum makes it another image."""
    return hashlib.sha256(f"{url}\n{sha256 or ''}".encode()).hexdigest()


def boot() -> str:
    """What tells this boot of the host from others: what was written in another may not have reached the disk."""
    return _BOOT_ID.read_text("ascii").strip()


def read(path: Path, kind: type[T]) -> T | None:
    """A record; None where there is none that can be read."""
    try:
        found: Any = json.loads(path.read_text("utf-8"))
        return kind(**found)
    except (OSError, ValueError, TypeError):
        return None


def write(path: Path, record: Source | PartRecord) -> None:
    """Put a record whole in the place of the one before."""
    write_atomically(path, json.dumps(attrs.asdict(record)).encode(), mode=0o600)
