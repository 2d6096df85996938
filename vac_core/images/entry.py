"""One URL's place in the cache, as it is looked at: nothing is fetched here."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import attrs

from vac_core.config.problems import public_url
from vac_core.images.part import progress
from vac_core.images.records import Source, key, read, write
from vac_core.images.rules import Rules
from vac_core.images.standing import Standing, standing
from vac_core.images.store import SHA256, Store
from vac_core.images.values import Image, ImageError, Progress


@attrs.frozen
class Wanted:
    """An image as a machinetype asks for it: a URL, and the checksum that is prescribed for it, if any.

    Raises `ImageError` for a checksum that is none.
    """

    url: str = attrs.field(repr=False)
    sha256: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.sha256 is not None and SHA256.fullmatch(self.sha256) is None:
            raise ImageError(f"{self.sha256!r} is no sha256: write its 64 hexadecimal digits in lower case")

    @property
    def public(self) -> str:
        """The URL without what may be secret in it."""
        return public_url(self.url)


@attrs.frozen
class Entry:
    """Where a URL's image and its records are."""

    store: Store
    wanted: Wanted
    clock: Callable[[], float] = time.time

    @property
    def directory(self) -> Path:
        """The URL's own."""
        return self.store.sources / key(self.wanted.url, self.wanted.sha256)

    @property
    def lock(self) -> Path:
        """Who fetches it holds this."""
        return self.directory / "lock"

    def source(self) -> Source | None:
        """What is kept of it."""
        return read(self.directory / "source.json", Source)

    def keep(self, source: Source) -> None:
        """Keep what is known now; only the lock's holder may."""
        write(self.directory / "source.json", source)

    def has(self, source: Source | None) -> bool:
        """Whether the image that it gave is in the cache, and was not damaged there."""
        return source is not None and self.store.size(source.sha256) == source.size

    def standing(self, rules: Rules) -> Standing:
        """How its image stands now."""
        source = self.source()
        return standing(source, here=self.has(source), now=self.clock(), rules=rules)

    def image(self) -> Image | None:
        """The image that it gave, current or not."""
        source = self.source()
        return None if source is None or source.sha256 is None else self.image_of(source.sha256)

    def image_of(self, sha256: str) -> Image | None:
        """The image of a checksum, wherever it came from."""
        size = self.store.size(sha256)
        if size is None:
            return None
        return Image(url=self.wanted.public, path=self.store.image(sha256), sha256=sha256, size=size)

    def progress(self) -> Progress | None:
        """How far it has come, whoever fetches it."""
        return progress(self.directory, time.time())
