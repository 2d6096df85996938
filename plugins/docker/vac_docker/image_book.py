"""What is remembered of images: which an engine has for us, when each was asked for at its registry, and last used."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from vac_docker.values import names

_USED_SECONDS: Final = 3600.0
"""How exactly the latest use is written down."""


@attrs.frozen(kw_only=True)
class Image:
    """An image that an engine has, and that was asked for."""

    image_id: str
    """The digest of its configuration, by which the engine knows it."""
    digest: str
    """The digest by which its registry knows it; its id, where it is from no registry."""
    reference: str
    """The name under which the engine was asked for it."""
    size: int = 0
    digests: tuple[str, ...] = attrs.field(default=(), converter=names)
    """All digests that are known of it."""
    user: str = ""
    """The user that it names to run as; empty for root."""

    @property
    def as_root(self) -> bool:
        """Whether it runs as root unless told otherwise."""
        return self.user.partition(":")[0] in {"", "0", "root"}

    def allowed(self, digests: tuple[str, ...]) -> bool:
        """Whether it is one of these; any is, where none is named."""
        return not digests or not {self.digest, self.image_id, *self.digests}.isdisjoint(digests)

    @classmethod
    def of(cls, inspected: dict[str, Any], reference: str, repository: str = "") -> Image:
        """Read the answer to ``/images/NAME/json``."""
        found = [str(one).partition("@") for one in inspected.get("RepoDigests") or ()]
        image_id = str(inspected["Id"])
        own = [
            digest for name, _, digest in found if name in {repository, repository.removeprefix("docker.io/library/")}
        ]
        user = (inspected.get("Config") or {}).get("User") or ""
        return cls(
            image_id=image_id if ":" in image_id else f"sha256:{image_id}",
            digest=own[0] if own else image_id,
            reference=reference,
            size=int(inspected.get("Size") or 0),
            digests=tuple(digest for _, _, digest in found),
            user=str(user),
        )


@attrs.frozen(kw_only=True)
class Held:
    """An image, and what we did with it. Times are Unix seconds."""

    image: Image
    ours: bool
    """Whether it came here because we asked for it: only such are ever removed."""
    checked: float
    """When its registry was last asked for it."""
    used: float
    """When a machine was last made of it."""


class ImageBook:
    """What is held, by the key under which it is asked for; kept over restarts in one file."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, Held] = _read(path)

    @property
    def directory(self) -> Path:
        """Where it is kept."""
        return self._path.parent

    def get(self, key: str) -> Held | None:
        """What is held under a key."""
        with self._lock:
            return self._held.get(key)

    def all(self) -> dict[str, Held]:
        """Everything, by key."""
        with self._lock:
            return dict(self._held)

    def ours(self, image_id: str) -> bool:
        """Whether an image came here because we asked for it."""
        return any(held.ours for held in self.all().values() if held.image.image_id == image_id)

    def checked(self, key: str, image: Image, *, ours: bool) -> Held:
        """Note what is held under a key from now on. What it held before is kept apart, to be removed in time."""
        now = self._clock()
        with self._lock:
            before = self._held.get(key)
            if before is not None and before.image.image_id != image.image_id and before.ours:
                self._held[f"{before.image.image_id} before {key}"] = before
            used = before.used if before is not None and before.image.image_id == image.image_id else now
            ours = ours or (before is not None and before.image.image_id == image.image_id and before.ours)
            held = Held(image=image, ours=ours, checked=now, used=used)
            self._held[key] = held
            self._write()
        return held

    def used(self, key: str) -> None:
        """Note that a machine is made of it."""
        with self._lock:
            held = self._held.get(key)
            if held is not None and self._clock() - held.used > _USED_SECONDS:
                self._held[key] = attrs.evolve(held, used=self._clock())
                self._write()

    def forget(self, keys: set[str]) -> None:
        """Take out what is held no more."""
        with self._lock:
            if keys & self._held.keys():
                self._held = {key: held for key, held in self._held.items() if key not in keys}
                self._write()

    def _write(self) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({key: attrs.asdict(held) for key, held in self._held.items()}), "utf-8")
        new.replace(self._path)


def _read(path: Path) -> dict[str, Held]:
    """What was written; nothing where that cannot be read: images are then asked for anew, and none is removed."""
    try:
        document = json.loads(path.read_text("utf-8"))
        return {key: Held(**{**held, "image": Image(**held["image"])}) for key, held in document.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
