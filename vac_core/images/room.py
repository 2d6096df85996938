"""Room for images: which ones go, by age and space. The choice is pure; those that machines use never go."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from vac_core.images.locks import if_free
from vac_core.images.part import progress
from vac_core.images.records import Source, read
from vac_core.images.rules import Rules
from vac_core.images.store import Store
from vac_core.images.values import ImageError, Removed, shown_size

_PART_SECONDS: Final = 86400.0
"""How long a part is kept that nobody goes on with."""


@attrs.frozen(kw_only=True)
class Kept:
    """An image as the choice sees it."""

    sha256: str
    size: int
    used: float
    """When it was last of use, in Unix seconds."""
    leased: bool


def too_old(kept: Sequence[Kept], now: float, rules: Rules) -> list[Removed]:
    """Those that nobody has used for longer than the site keeps them."""
    days = rules.unused_seconds / 86400
    why = f"not used for more than {days:g} days (image_cache_days)"
    return [_gone(one, why) for one in kept if not one.leased and now - one.used > rules.unused_seconds]


def too_many(kept: Sequence[Kept], needed: int, rules: Rules) -> list[Removed]:
    """Those that go, the longest unused first, so that ``needed`` octets more are within the cache's size.

    It may not be enough: see `ImageError` of `make_room`.
    """
    over = sum(one.size for one in kept) + needed - rules.cache_octets
    gone = []
    for one in sorted(kept, key=lambda one: one.used):
        if over > 0 and not one.leased:
            gone.append(_gone(one, f"room was needed (image_cache_gb, {shown_size(rules.cache_octets)})"))
            over -= one.size
    return gone


def _gone(one: Kept, why: str) -> Removed:
    return Removed(sha256=one.sha256, size=one.size, why=why)


def prune(store: Store, now: float, rules: Rules) -> list[Removed]:
    """Take away what is too old, and then what is too much."""
    with store.lock():
        kept = _kept(store)
        old = too_old(kept, now, rules)
        names = {one.sha256 for one in old}
        gone = old + too_many([one for one in kept if one.sha256 not in names], 0, rules)
        _remove(store, gone)
    for source in store.source_directories():
        _forget(store, source, now, rules)
    return gone


def _forget(store: Store, directory: Path, now: float, rules: Rules) -> None:
    """Take away what is kept of a URL that was not asked for in a long time, and a part that nobody completes."""
    source, part = read(directory / "source.json", Source), directory / "part"
    with if_free(directory / "lock") as mine:
        if not mine:
            return
        if part.exists() and now - part.stat().st_mtime > min(_PART_SECONDS, rules.unused_seconds):
            part.unlink()
        unused = source is None or now - max(source.tried or 0.0, source.fetched or 0.0) > rules.unused_seconds
        if unused and not part.exists() and (source is None or store.size(source.sha256) is None):
            shutil.rmtree(directory, ignore_errors=True)


def make_room(store: Store, source: Path, total: int, coming: int, rules: Rules) -> None:
    """See that a URL's image of ``total`` octets, of which ``coming`` are still to come, has room.

    What other URLs' images will take when they are whole is counted. Raises `ImageError`.
    """
    with store.lock():
        promised = sum(_promised(one) for one in store.source_directories() if one != source)
        _remove(store, too_many(_kept(store), promised + total, rules))
        left = promised + sum(one.size for one in _kept(store))
    if left + total > rules.cache_octets:
        raise ImageError(
            f"the image cache has no room for {shown_size(total)}: {shown_size(left)} of "
            f"{shown_size(rules.cache_octets)} are used by machines or on their way: "
            "raise image_cache_gb, or wait until machines end"
        )
    free = shutil.disk_usage(store.directory).free - rules.keep_free_octets
    if free < coming:
        raise ImageError(
            f"the disk of the image cache {store.directory} has {shown_size(max(0, free))} to spare, and "
            f"{shown_size(coming)} are to come: free some space, or lower image_cache_gb"
        )


def _promised(source: Path) -> int:
    come = progress(source, 0.0)
    return 0 if come is None else max(come.octets, come.total or 0)


def _kept(store: Store) -> list[Kept]:
    leased = _leased(store.leases())
    return [_one(sha256, stat, leased) for sha256, stat in store.images().items()]


def _one(sha256: str, stat: os.stat_result, leased: frozenset[str]) -> Kept:
    return Kept(sha256=sha256, size=stat.st_size, used=stat.st_mtime, leased=sha256 in leased)


def _leased(leases: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*leases.values())


def _remove(store: Store, gone: Sequence[Removed]) -> None:
    for one in gone:
        store.image(one.sha256).unlink(missing_ok=True)
