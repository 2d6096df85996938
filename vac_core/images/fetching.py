"""Bring one URL's image into the cache, or find that the one there is current; one at a time for each URL."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from vac_core.fetch import fetch_error, within
from vac_core.images.entry import Entry
from vac_core.images.locks import if_free
from vac_core.images.part import Part
from vac_core.images.records import Source, Validators
from vac_core.images.room import make_room, prune
from vac_core.images.rules import Rules
from vac_core.images.transfer import Transfer
from vac_core.images.values import ImageError, Progress, on_disk
from vac_core.interfaces import PluginError

_LOOK_SECONDS: Final = 0.2


def fetch(entry: Entry, rules: Rules, stop: threading.Event, told: Callable[[Progress], None]) -> None:
    """Have the current image here, by oneself or by waiting for another who is at it; raises `PluginError`."""
    with on_disk():
        _Fetching(entry, rules, stop, told).run()


@attrs.frozen
class _Fetching:
    """One try."""

    entry: Entry
    rules: Rules
    stop: threading.Event
    told: Callable[[Progress], None]

    @property
    def url(self) -> str:
        return self.entry.wanted.url

    def run(self) -> None:
        """Fetch it when nobody else does, unless another has done so meanwhile."""
        before, waited = self.entry.source(), False
        deadline = time.monotonic() + self.rules.deadline_seconds
        while time.monotonic() < deadline:
            self.entry.directory.mkdir(mode=0o700, exist_ok=True)
            with if_free(self.entry.lock) as mine:
                if mine:
                    if not (waited and self._was_done(before)):
                        self._fetch()
                    return
            waited = True
            self._tell()
            if self.stop.wait(_LOOK_SECONDS):
                raise fetch_error(self.url, "it was broken off while another process fetches it")
        raise fetch_error(self.url, f"another process is at it, and not done in {self.rules.deadline_seconds:g} s")

    def _was_done(self, before: Source | None) -> bool:
        source = self.entry.source()
        return source is not None and source != before and not source.problem and source.checked is not None

    def _fetch(self) -> None:
        entry, wanted = self.entry, self.entry.wanted
        if (before := entry.source()) is None:
            before = Source(url=wanted.public, pinned=wanted.sha256 is not None)
            entry.keep(before)
        try:
            with self._telling(), contextlib.closing(Part(entry.directory)) as part:
                after = self._bring(before, part)
        except PluginError as error:
            if not self.stop.is_set():
                entry.keep(attrs.evolve(entry.source() or before, tried=entry.clock(), problem=str(error)))
            raise
        entry.keep(after)
        prune(entry.store, entry.clock(), self.rules)

    def _bring(self, before: Source, part: Part) -> Source:
        asked = self.entry.clock()
        transfer = self._transfer(before, part)
        if asyncio.run(within(self.url, self.rules.deadline_seconds, transfer.run())):
            return self._publish(before, part)
        self.entry.store.used(str(before.sha256))
        return attrs.evolve(before, checked=asked, tried=asked, problem="", outdated=False)

    def _transfer(self, before: Source, part: Part) -> Transfer:
        def admit(total: int | None) -> None:
            size = part.octets if total is None else total
            make_room(self.entry.store, self.entry.directory, size, size - part.octets, self.rules)

        usable = self.entry.has(before) and not before.outdated
        return Transfer(
            url=self.url,
            part=part,
            max_octets=self.rules.max_octets,
            known=before.validators if usable else Validators(),
            needs_validators=self.entry.wanted.sha256 is None,
            admit=admit,
            renewed=lambda: self.entry.keep(attrs.evolve(before, outdated=True)),
            stop=self.stop,
        )

    def _publish(self, before: Source, part: Part) -> Source:
        """Make an image of what has come whole."""
        part.finish()
        wanted, sha256, size, validators = self.entry.wanted, part.sha256, part.octets, part.record.validators
        if wanted.sha256 not in {None, sha256}:
            part.discard()
            raise ImageError(
                f"{wanted.public} has the sha256 {sha256}, and root_image_sha256 says {wanted.sha256}: "
                "see which of the two is right"
            )
        self.entry.store.add(part.path, sha256)
        now = self.entry.clock()
        return Source(
            url=before.url,
            pinned=before.pinned,
            sha256=sha256,
            size=size,
            etag=validators.etag,
            last_modified=validators.last_modified,
            fetched=now,
            checked=now,
            tried=now,
        )

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell of the progress a few times a second, from another thread."""
        done = threading.Event()

        def tell() -> None:
            while not done.wait(_LOOK_SECONDS):
                self._tell()

        thread = threading.Thread(target=tell, name="vac-image-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _tell(self) -> None:
        if (come := self.entry.progress()) is not None:
            self.told(come)
