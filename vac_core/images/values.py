"""What the cache of images tells: images, how far one has come, and why one cannot be had."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from vac_core.interfaces import PluginError

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_STEP: Final = 1000


class ImageError(PluginError):
    """An image cannot be had, or not yet. The message names it, without what may be secret in its URL, and says why."""


@contextlib.contextmanager
def on_disk() -> Iterator[None]:
    """Turn what the cache's disk refuses into `ImageError`."""
    try:
        yield
    except OSError as error:
        where = error.filename or "the image cache"
        raise ImageError(
            f"{where}: {error.strerror}: see that the disk of the image cache is whole and not full, and that the "
            "factory may write there"
        ) from error


def shown_size(octets: float) -> str:
    """A size for people, such as ``1.2 GB``."""
    size, unit = float(octets), 0
    while round(size) >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size:.0f} {_UNITS[unit]}"


@attrs.frozen(kw_only=True)
class Image:
    """An image that is here."""

    url: str
    """Where it came from, without what may be secret in it."""
    path: Path
    """Its file, named by its content, which never changes."""
    sha256: str
    size: int
    """In octets."""


@attrs.frozen(kw_only=True)
class Progress:
    """How far a download has come."""

    octets: int
    total: int | None = None
    """None where the server does not tell."""
    octets_per_second: float = 0.0

    @property
    def part(self) -> float | None:
        """From 0 to 1; None where that is not known."""
        return min(1.0, self.octets / self.total) if self.total else None

    def __str__(self) -> str:
        rate = f", at {shown_size(self.octets_per_second)} a second" if self.octets_per_second else ""
        if self.part is None or self.total is None:
            return f"{shown_size(self.octets)} have come{rate}"
        return f"{self.part:.0%} of {shown_size(self.total)} have come{rate}".replace("%", " %", 1)


@attrs.frozen
class Ready:
    """It can be leased now."""

    image: Image
    reason: str = attrs.field(default="", init=False)
    """What stands in the way: nothing."""

    def __str__(self) -> str:
        return "ready"


@attrs.frozen
class Fetching:
    """It is on its way, or waits for its turn."""

    url: str
    progress: Progress | None = None
    """None while nothing has come yet."""

    @property
    def reason(self) -> str:
        """What stands in the way of machines, for people."""
        return f"{self.url} is being fetched: {self}"

    def __str__(self) -> str:
        return "the server is being asked" if self.progress is None else str(self.progress)


@attrs.frozen
class Refused:
    """It cannot be had, and is tried again after a while."""

    reason: str
    """Why, with the URL and the mend where there is one."""

    def __str__(self) -> str:
        return self.reason


State = Ready | Fetching | Refused


@attrs.frozen(kw_only=True)
class Cached:
    """One URL that the cache knows, as ``vac images`` lists it. Times are Unix seconds."""

    url: str
    sha256: str | None
    """None while no image has come whole."""
    path: Path | None
    size: int
    """Octets on disk."""
    fetched: float | None
    checked: float | None
    """When the server last said that it is the current one."""
    used: float | None
    """When it was last leased, released or found current."""
    machines: tuple[str, ...]
    """Ids of the machines that hold leases on it."""
    state: str
    """For people: ``ready``, how far it has come, or why it is refused."""


@attrs.frozen(kw_only=True)
class Removed:
    """An image that was taken out of the cache, and why."""

    sha256: str
    size: int
    why: str
