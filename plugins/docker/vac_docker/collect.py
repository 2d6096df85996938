"""Which of the images that we pulled are to go, for their age and for the space that they take."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from vac_docker.engine import Engine
from vac_docker.errors import ConflictError, EngineError, NotThereError
from vac_docker.image_book import Held, ImageBook

_log = logging.getLogger(__name__)

_DAY: Final = 86400.0
_GB: Final = 10**9


def to_remove(
    held: Mapping[str, Held],
    in_use: AbstractSet[str],
    wanted: AbstractSet[str],
    *,
    now: float,
    keep_days: float,
    space_gb: int | None,
) -> list[str]:
    """Ids of images to remove, those that were not used for longest first.

    ``in_use`` are ids of which there are containers, ``wanted`` are keys that machinetypes asked for lately: such stay.
    """
    used: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for one in held.values():
        if one.ours:
            used[one.image.image_id] = max(one.used, used.get(one.image.image_id, one.used))
            sizes[one.image.image_id] = one.image.size
    staying = in_use | {held[key].image.image_id for key in wanted if key in held}
    oldest = sorted((image for image in used if image not in staying), key=lambda image: used[image])
    going = [image for image in oldest if now - used[image] > keep_days * _DAY]
    over = sum(size for image, size in sizes.items() if image not in going) - (space_gb or 0) * _GB
    for image in oldest:
        if space_gb is not None and over > 0 and image not in going:
            going.append(image)
            over -= sizes[image]
    return going


def collect(engine: Engine, book: ImageBook, image_ids: list[str]) -> list[str]:
    """Remove images, and return those that are gone; what somebody else uses or has named stays, and is forgotten."""
    gone = []
    for image_id in image_ids:
        keys = {key: held for key, held in book.all().items() if held.image.image_id == image_id}
        try:
            for reference in {held.image.reference for held in keys.values()}:
                _untag(engine, reference, image_id)
            _remove(engine, image_id)
        except ConflictError as problem:
            _log.info("an image stays: %s", problem)
        except EngineError as problem:
            _log.warning("%s", problem)
            continue
        else:
            gone.append(image_id)
        book.forget(set(keys))
    return gone


def _untag(engine: Engine, reference: str, image_id: str) -> None:
    """Take our name off an image, unless it is another image's by now."""
    with contextlib.suppress(NotThereError), engine.asked(f"removing the image {reference}") as client:
        if client.inspect_image(reference)["Id"].removeprefix("sha256:") == image_id.removeprefix("sha256:"):
            client.remove_image(reference)


def _remove(engine: Engine, image_id: str) -> None:
    with contextlib.suppress(NotThereError), engine.asked(f"removing the image {image_id}") as client:
        tags = client.inspect_image(image_id).get("RepoTags") or []
        if tags:
            raise ConflictError(f"it has other names: {', '.join(tags)}")
        client.remove_image(image_id)


def in_use(engine: Engine) -> set[str]:
    """Ids of all images of which there are containers, anybody's."""
    with engine.asked("listing containers") as client:
        return {str(one.get("ImageID")) for one in client.containers(all=True)}
