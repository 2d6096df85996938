"""A cache of images for tests: on a clock of the test's own, with rules that it may change."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from vac_core.images import Fetching, Image, ImageCache, Ready, Refused
from vac_core.testing import settings

MACHINE = "7f0c0b5e-0000-4000-8000-000000000001"
OTHER = "7f0c0b5e-0000-4000-8000-000000000002"
DAY = 86400.0


class Kit:
    """One cache, and the news that it told."""

    def __init__(self, directory: Path) -> None:
        self.now = 1_700_000_000.0
        self.rules: dict[str, Any] = {"min_disk_free_mb": 0, "image_timeout_seconds": 120.0}
        self.news = threading.Semaphore(0)
        self.directory = directory
        self.cache = self.another()

    def another(self) -> ImageCache:
        """Another cache on the same directory, as another process has it, or the same one after a restart."""
        return ImageCache(
            self.directory, lambda: settings(**self.rules), changed=self.news.release, clock=lambda: self.now
        )

    def changed(self) -> None:
        """Wait for news."""
        assert self.news.acquire(timeout=120)

    def ready(self, url: str, sha256: str | None = None) -> Image:
        """The image that is ready now."""
        state = self.cache.state(url, sha256)
        assert isinstance(state, Ready), state
        return state.image

    def checked(self, url: str) -> Image:
        """The image that is ready now, and is found to be the current one in the background."""
        image = self.ready(url)
        self.changed()
        assert self.ready(url) == image
        return image

    def fetched(self, url: str, sha256: str | None = None) -> Image:
        """Have it fetched in the background."""
        assert isinstance(self.cache.state(url, sha256), Fetching)
        self.changed()
        return self.ready(url, sha256)

    def refused(self, url: str, sha256: str | None = None) -> str:
        """Have it tried in the background; why it cannot be had."""
        assert isinstance(self.cache.state(url, sha256), Fetching)
        self.changed()
        state = self.cache.state(url, sha256)
        assert isinstance(state, Refused), state
        return state.reason
