"""What is in the cache, for people."""

from __future__ import annotations

import time
from pathlib import Path

from vac_core.images.locks import is_held
from vac_core.images.part import progress
from vac_core.images.records import Source, read
from vac_core.images.rules import Rules
from vac_core.images.standing import standing
from vac_core.images.store import Store
from vac_core.images.values import Cached, shown_size


def listed(store: Store, rules: Rules, now: float) -> list[Cached]:
    """Every URL that is known, and every image that no URL leads to any more, such as one that machines still use."""
    leases = store.leases()
    users = {sha256: tuple(sorted(one for one, held in leases.items() if sha256 in held)) for sha256 in store.images()}
    sources = [(path, source) for path in store.source_directories() if (source := read(path / "source.json", Source))]
    found = [_of_source(store, path, source, users, rules, now) for path, source in sources]
    named = {one.sha256 for one in found}
    return sorted(found, key=lambda one: one.url) + [
        _left(store, sha256, users[sha256]) for sha256 in sorted(users) if sha256 not in named
    ]


def _of_source(
    store: Store, path: Path, source: Source, users: dict[str, tuple[str, ...]], rules: Rules, now: float
) -> Cached:
    here = source.sha256 if source.sha256 in users else None
    come = progress(path, time.time())
    judged = standing(source, here=here is not None, now=now, rules=rules)
    if judged.usable:
        state = "ready"
    elif is_held(path / "lock"):
        state = "the server is being asked" if come is None else str(come)
    else:
        state = judged.problem or "not fetched yet"
    image = None if here is None else store.image(here)
    return Cached(
        url=source.url,
        sha256=here,
        path=image,
        size=source.size if here else come.octets if come else 0,
        fetched=source.fetched,
        checked=source.checked,
        used=None if image is None else image.stat().st_mtime,
        machines=users.get(here or "", ()),
        state=state,
    )


def _left(store: Store, sha256: str, machines: tuple[str, ...]) -> Cached:
    stat = store.image(sha256).stat()
    return Cached(
        url="",
        sha256=sha256,
        path=store.image(sha256),
        size=stat.st_size,
        fetched=None,
        checked=None,
        used=stat.st_mtime,
        machines=machines,
        state=f"{shown_size(stat.st_size)} that no URL leads to any more",
    )
