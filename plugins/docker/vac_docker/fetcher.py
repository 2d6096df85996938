"""Bringing one image to the engine: what a job does, in a thread of its own."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from vac_core.images import ImageCache
from vac_core.interfaces import PluginError
from vac_docker.archive import archive_reference, digest_of, load, rewritten
from vac_docker.engine import Engine
from vac_docker.errors import NotThereError
from vac_docker.image_book import Image
from vac_docker.pull import Bounds, pull
from vac_docker.pull_progress import PullProgress
from vac_docker.source import Archive, Registry

_GB: Final = 10**9


@attrs.frozen(kw_only=True)
class Brought:
    """An image that the engine has now."""

    image: Image
    ours: bool
    """Whether it was not there before."""


class Fetcher:
    """Brings images to one engine."""

    def __init__(self, engine: Engine, cache: ImageCache, scratch: Path) -> None:
        self._engine = engine
        self._cache = cache
        self._scratch = scratch

    def here(self, reference: str, repository: str = "") -> Image | None:
        """What the engine has by this name; None where it has nothing."""
        try:
            with self._engine.asked(f"looking at the image {reference}") as client:
                return Image.of(client.inspect_image(reference), reference, repository)
        except NotThereError:
            return None

    def pulled(self, source: Registry, bounds: Bounds, told: Callable[[PullProgress], None]) -> Brought:
        """Pull an image, or find that the one here is still the registry's; raises `PluginError`."""
        before = self._ids()
        pull(self._engine, source, bounds, told)
        image = self.here(str(source.name), source.name.repository)
        if image is None:
            raise PluginError(f"the image {source} was pulled, and the engine does not have it: see the engine's log")
        return Brought(image=image, ours=image.image_id not in before)

    def _ids(self) -> set[str]:
        with self._engine.asked("listing images") as client:
            return set(client.images(quiet=True))

    def loaded(self, source: Archive, bounds: Bounds) -> Brought:
        """Load an archive, or find that the engine has the same one already; raises `PluginError`."""
        if not source.remote:
            return self._loaded(path := Path(source.where), bounds, _checked(path, source.sha256))
        holder = f"load-{uuid.uuid4()}"
        image = self._cache.lease(source.where, holder, source.sha256)
        try:
            return self._loaded(image.path, bounds, image.sha256)
        finally:
            self._cache.release(holder)

    def _loaded(self, path: Path, bounds: Bounds, sha256: str) -> Brought:
        reference = archive_reference(sha256)
        if (image := self.here(reference)) is not None:
            return Brought(image=image, ours=False)
        before = self._ids()
        with tempfile.TemporaryFile(dir=self._scratch) as rewrite:
            rewritten(path, reference, rewrite, bounds.max_gb * _GB)
            load(self._engine, rewrite, path)
        image = self.here(reference)
        if image is None:
            raise PluginError(f"the archive {path} was loaded, and the engine has no image of it: is it one image?")
        return Brought(image=image, ours=image.image_id not in before)


def _checked(path: Path, wanted: str | None) -> str:
    """The sha256 of an archive on this host; raises `PluginError` where it must be another."""
    try:
        found = digest_of(path)
    except OSError as problem:
        raise PluginError(f"the archive {path} cannot be read: {problem.strerror}: put it there") from None
    if wanted not in {None, found}:
        raise PluginError(
            f"the archive {path} has the sha256 {found}, and root_image_sha256 says {wanted}: "
            "see which of the two is right"
        )
    return found
