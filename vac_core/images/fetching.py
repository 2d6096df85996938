"""Bring one URL's image into the cache, or find that the one there is current; one at a time for each URL."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs

from vac_core.config.problems import public_url
from vac_core.fetch import fetch_error, within
from vac_core.images.locks import if_free
from vac_core.images.part import Part, progress
from vac_core.images.records import Source, Validators, key, read, write
from vac_core.images.room import make_room, prune
from vac_core.images.rules import Rules
from vac_core.images.standing import Standing, standing
from vac_core.images.store import Store
from vac_core.images.transfer import Transfer
from vac_core.images.values import ImageError, Progress, on_disk
from vac_core.interfaces import PluginError

_LOOK_SECONDS: Final = 0.2


@attrs.frozen
class Wanted:
    """An image as a machinetype asks for it: a URL, and the checksum that is prescribed for it, if any."""

    url: str = attrs.field(repr=False)
    sha256: str | None = None

    @property
    def public(self) -> str:
        """The URL without what may be secret in it."""
        return public_url(self.url)


@attrs.frozen
class Fetcher:
    """Works on one URL's directory."""

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

    def standing(self, rules: Rules) -> Standing:
        """How its image stands now."""
        source = self.source()
        return standing(source, here=self._here(source), now=self.clock(), rules=rules)

    def _here(self, source: Source | None) -> bool:
        """Whether the image that a source gave is in the cache, and was not damaged there."""
        return source is not None and self.store.size(source.sha256) == source.size

    def progress(self) -> Progress | None:
        """How far it has come, whoever fetches it."""
        return progress(self.directory, time.time())

    def fetch(self, rules: Rules, stop: threading.Event, told: Callable[[Progress], None]) -> None:
        """Have the current image here, by oneself or by waiting for another who is at it; raises `PluginError`."""
        with on_disk():
            self._wait_and_fetch(rules, stop, told)

    def _wait_and_fetch(self, rules: Rules, stop: threading.Event, told: Callable[[Progress], None]) -> None:
        before, waited = self.source(), False
        deadline = time.monotonic() + rules.deadline_seconds
        while time.monotonic() < deadline:
            self.directory.mkdir(mode=0o700, exist_ok=True)
            with if_free(self.lock) as mine:
                if mine:
                    if not (waited and self._was_done(before)):
                        self._fetch(rules, stop, told)
                    return
            waited = True
            if (come := self.progress()) is not None:
                told(come)
            if stop.wait(_LOOK_SECONDS):
                raise fetch_error(self.wanted.url, "it was broken off while another process fetches it")
        raise fetch_error(self.wanted.url, f"another process is at it, and not done in {rules.deadline_seconds:g} s")

    def _was_done(self, before: Source | None) -> bool:
        """Whether another has succeeded meanwhile."""
        source = self.source()
        return source is not None and source != before and not source.problem and source.checked is not None

    def _fetch(self, rules: Rules, stop: threading.Event, told: Callable[[Progress], None]) -> None:
        if (before := self.source()) is None:
            before = Source(url=self.wanted.public, pinned=self.wanted.sha256 is not None)
            write(self.directory / "source.json", before)
        try:
            with self._telling(told), contextlib.closing(Part(self.directory)) as part:
                after = self._bring(before, part, rules, stop)
        except PluginError as error:
            if stop.is_set():
                raise
            now = self.source() or before
            write(self.directory / "source.json", attrs.evolve(now, tried=self.clock(), problem=str(error)))
            raise
        write(self.directory / "source.json", after)
        prune(self.store, self.clock(), rules)

    def _bring(self, before: Source, part: Part, rules: Rules, stop: threading.Event) -> Source:
        def admit(total: int | None) -> None:
            size = part.octets if total is None else total
            make_room(self.store, self.directory, size, size - part.octets, rules)

        def renewed() -> None:
            write(self.directory / "source.json", attrs.evolve(before, outdated=True))

        here = self._here(before) and not before.outdated
        transfer = Transfer(
            url=self.wanted.url,
            part=part,
            max_octets=rules.max_octets,
            known=before.validators if here else Validators(),
            needs_validators=self.wanted.sha256 is None,
            admit=admit,
            renewed=renewed,
            stop=stop,
        )
        asked = self.clock()
        came = asyncio.run(within(self.wanted.url, rules.deadline_seconds, transfer.run()))
        if not came:
            self.store.used(str(before.sha256))
            return attrs.evolve(before, checked=asked, tried=asked, problem="", outdated=False)
        return self._publish(before, part)

    def _publish(self, before: Source, part: Part) -> Source:
        part.finish()
        sha256, size, validators = part.sha256, part.octets, part.record.validators
        if self.wanted.sha256 not in {None, sha256}:
            part.discard()
            raise ImageError(
                f"{self.wanted.public} has the sha256 {sha256}, and root_image_sha256 says {self.wanted.sha256}: "
                "see which of the two is right"
            )
        self.store.add(part.path, sha256)
        now = self.clock()
        return attrs.evolve(
            before,
            sha256=sha256,
            size=size,
            etag=validators.etag,
            last_modified=validators.last_modified,
            fetched=now,
            checked=now,
            tried=now,
            outdated=False,
            problem="",
        )

    @contextlib.contextmanager
    def _telling(self, told: Callable[[Progress], None]) -> Iterator[None]:
        """Tell of the progress a few times a second, from another thread, while something is fetched."""
        done = threading.Event()

        def tell() -> None:
            while not done.wait(_LOOK_SECONDS):
                if (come := self.progress()) is not None:
                    told(come)

        thread = threading.Thread(target=tell, name="vac-image-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
