"""The cache as hypervisors and commands use it: see `vac_core.images` for how."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vac_core.config.schema import Settings
from vac_core.images import room
from vac_core.images.background import Background
from vac_core.images.entry import Entry, Wanted
from vac_core.images.listing import listed
from vac_core.images.locks import is_held
from vac_core.images.rules import Rules
from vac_core.images.standing import is_recent
from vac_core.images.store import Store
from vac_core.images.values import (
    Cached,
    Fetching,
    Image,
    ImageError,
    Progress,
    Ready,
    Refused,
    Removed,
    State,
    on_disk,
)
from vac_core.interfaces import Home, PluginError

DIRECTORY: Final = "imagecache"
"""Its name below the factory's state directory, as in Vac 3."""

_LOST_SECONDS: Final = 3600.0
"""A lease is at least so old before it may be lost."""


def directory_of(settings: Settings, state_dir: Path) -> Path:
    """Where a factory's images are."""
    return state_dir / DIRECTORY if settings.image_directory is None else Path(settings.image_directory)


def _nothing(*_told: object) -> None:
    """Tell nobody."""


class ImageCache:
    """One directory of images, which any number of threads and processes may use at once."""

    def __init__(
        self,
        directory: Path,
        settings: Callable[[], Settings],
        *,
        machines_dir: Path | None = None,
        changed: Callable[[], None] = _nothing,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = Store(directory)
        self._settings = settings
        self._machines_dir = machines_dir
        self._clock = clock
        self._stop = threading.Event()
        self._failures: dict[Wanted, tuple[float, str]] = {}
        self._background = Background(self._fetch_behind, changed)
        self._store.prepare()

    @classmethod
    def of(cls, home: Home, changed: Callable[[], None]) -> ImageCache:
        """The factory's one cache; raises `ImageError` where its directory cannot be made.

        ``changed`` is called from a thread of the cache's own when the state of an image has changed.
        """
        directory = directory_of(home.settings(), home.machines_dir.parent)
        return cls(directory, home.settings, machines_dir=home.machines_dir, changed=changed)

    def state(self, url: str, sha256: str | None = None) -> State:
        """How an image stands now; what is missing or due for a check is asked for in the background.

        With ``sha256`` it is ready as soon as an image of that checksum is here, and its currency is no question.
        Raises `ImageError` for a checksum that is none.
        """
        entry = self._entry(url, sha256)
        try:
            with on_disk():
                return self._state(entry)
        except ImageError as error:
            return Refused(str(error))

    def _entry(self, url: str, sha256: str | None) -> Entry:
        return Entry(self._store, Wanted(url, sha256), self._clock)

    def _state(self, entry: Entry) -> State:
        wanted = entry.wanted
        if wanted.sha256 is not None and (image := entry.image_of(wanted.sha256)) is not None:
            return Ready(image)
        found = entry.standing(self._rules)
        failed, why = self._failures.get(wanted, (None, ""))
        asked = found.due and not self._stop.is_set() and not is_recent(failed, self._clock())
        if asked:
            self._background.ask(wanted)
        if found.usable and (image := entry.image()) is not None:
            return Ready(image)
        if asked or self._background.has(wanted) or is_held(entry.lock):
            return Fetching(wanted.public, entry.progress())
        return Refused(found.problem or why or f"{wanted.public} was not fetched yet")

    def lease(self, url: str, machine_id: str, sha256: str | None = None) -> Image:
        """Give a machine an image that is ready, and keep its file for it until `release`, also if this process dies.

        Raises `ImageError` with the reason of `state` where it is not ready.
        """
        with on_disk(), self._store.lock():
            state = self.state(url, sha256)
            if not isinstance(state, Ready):
                raise ImageError(state.reason)
            self._store.lease(machine_id, state.image.sha256)
        return state.image

    def release(self, machine_id: str) -> None:
        """Give up all that a machine has leased. A machine that is not known is no error."""
        with on_disk():
            self._store.release(machine_id)

    def fetch(self, url: str, sha256: str | None = None, progress: Callable[[Progress], None] = _nothing) -> Image:
        """Have the current image here, and return when it is; raises `PluginError`.

        ``progress`` is called a few times a second, from another thread.
        """
        from vac_core.images.fetching import fetch

        entry = self._entry(url, sha256)
        if sha256 is None or self._store.size(sha256) is None:
            fetch(entry, self._rules, self._stop, progress)
        state = self.state(url, sha256)
        if not isinstance(state, Ready):
            raise ImageError(state.reason)
        return state.image

    def cached(self) -> Sequence[Cached]:
        """All that is here, also what is not whole and what no URL leads to any more."""
        with on_disk():
            return listed(self._store, self._rules, self._clock())

    def leases(self) -> Mapping[str, frozenset[str]]:
        """The checksums of the images that each machine holds, by the machine's id."""
        return self._store.leases()

    def prune(self) -> Sequence[Removed]:
        """Take away images that are too old or too many by the site's rules; those that machines use stay.

        A lease that was never released goes when its machine's directory is gone, as where a state directory was lost.
        """
        with on_disk():
            if self._machines_dir is not None:
                for machine_id in self._store.lost_leases(self._machines_dir, time.time() - _LOST_SECONDS):
                    self._store.release(machine_id)
            return room.prune(self._store, self._clock(), self._rules)

    def close(self) -> None:
        """Break off what is being fetched in the background; it goes on from there another time."""
        self._stop.set()
        self._background.forget()

    @property
    def _rules(self) -> Rules:
        return Rules.of(self._settings())

    def _fetch_behind(self, wanted: Wanted) -> None:
        from vac_core.images.fetching import fetch

        try:
            fetch(Entry(self._store, wanted, self._clock), self._rules, self._stop, _nothing)
        except PluginError as error:  # it is kept on disk too, unless that is what failed
            self._failures[wanted] = (self._clock(), str(error))
        else:
            self._failures.pop(wanted, None)
