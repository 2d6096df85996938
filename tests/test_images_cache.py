"""The cache of images, against a real HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from image_server import ImageServer, content, sha256

from vac_core.images import Fetching, ImageCache, ImageError, Ready, Refused
from vac_core.testing import settings

MACHINE = "7f0c0b5e-0000-4000-8000-000000000001"


class Kit:
    """A cache with a clock of the test's own, rules that it may change, and the news that it told."""

    def __init__(self, directory: Path) -> None:
        self.now = 1_700_000_000.0
        self.rules: dict[str, Any] = {"min_disk_free_mb": 0, "image_timeout_seconds": 60.0}
        self.news = threading.Semaphore(0)
        self.directory = directory
        self.cache = self.another()

    def another(self) -> ImageCache:
        """Another cache on the same directory, as another process has it."""
        return ImageCache(
            self.directory, lambda: settings(**self.rules), changed=self.news.release, clock=lambda: self.now
        )

    def changed(self) -> None:
        """Wait for news."""
        assert self.news.acquire(timeout=60)

    def ready(self, url: str, **given: Any) -> Ready:
        """Ask until it is ready."""
        state = self.cache.state(url, **given)
        if not isinstance(state, Ready):
            self.changed()
            state = self.cache.state(url, **given)
        assert isinstance(state, Ready), state
        return state

    def refusal(self, url: str, **given: Any) -> str:
        """Ask for what cannot be had; why not."""
        assert isinstance(self.cache.state(url, **given), Fetching)
        self.changed()
        state = self.cache.state(url, **given)
        assert isinstance(state, Refused), state
        return state.reason


@pytest.fixture
def server() -> Iterator[ImageServer]:
    made = ImageServer()
    yield made
    made.close()


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = Kit(tmp_path / "imagecache")
    yield made
    made.cache.close()


def test_an_image_is_fetched_in_the_background_and_then_leased(kit: Kit, server: ImageServer) -> None:
    data = content(300_000)
    url = server.serve("/a.img", data)
    with pytest.raises(ImageError, match="is being fetched"):
        kit.cache.lease(url, MACHINE)
    kit.changed()
    image = kit.cache.lease(url, MACHINE)
    assert image.path.read_bytes() == data
    assert (image.sha256, image.size, image.url) == (sha256(data), len(data), url)
    assert kit.cache.leases() == {MACHINE: frozenset({image.sha256})}
