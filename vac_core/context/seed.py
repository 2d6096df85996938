"""A machine's context as the image of a small disk, made in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from vac_core.context.delivery import Delivery
from vac_core.context.trees import metadata_tree
from vac_core.interfaces import Context

if TYPE_CHECKING:
    import pycdlib

SEED_MAX: Final = 64 * 1048576
"""Octets of all files together: an image is made in memory, and kept for as long as its machine lives."""


class SeedError(ValueError):
    """A context does not fit on an image; the message says why."""


def seed_image(context: Context, delivery: Delivery, *, random_seed: bytes = b"") -> bytes:
    """The image, of ISO 9660 with Joliet's and Rock Ridge's names; empty where the delivery has none.

    Raises `SeedError`.
    """
    if not delivery.label:
        return b""
    files = dict(_on_image(metadata_tree(context, random_seed=random_seed), delivery.on_image))
    octets = sum(map(len, files.values()))
    if octets > SEED_MAX:
        raise SeedError(f"its context has {octets} octets with its files, and a seed image takes {SEED_MAX}")
    return iso_image(files, delivery.label)


def _on_image(tree: Mapping[str, bytes], directories: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for path, body in tree.items():
        top, _, rest = path.partition("/")
        if top in directories:
            yield "/".join(filter(None, (directories[top], rest))), body


def iso_image(files: Mapping[str, bytes], label: str) -> bytes:
    """An image with these files, by their paths without a leading slash."""
    import pycdlib  # noqa: PLC0415 - of use only where machines are given such images

    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=label)
    short = _add_directories(iso, files)
    for number, (path, body) in enumerate(files.items()):
        place = PurePosixPath(path)
        plain = f"{short[str(place.parent)]}/F{number:07}.;1"
        iso.add_fp(io.BytesIO(body), len(body), plain, rr_name=place.name, joliet_path=f"/{path}", file_mode=0o100400)
    image = io.BytesIO()
    iso.write_fp(image)
    iso.close()
    return image.getvalue()


def _add_directories(iso: pycdlib.PyCdlib, files: Mapping[str, bytes]) -> Mapping[str, str]:
    """Make all directories that files are in; give the plain ISO 9660 path of each, which only old readers see."""
    wanted = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    short = {".": ""}
    for number, path in enumerate(sorted(wanted - {"."}, key=lambda one: (one.count("/"), one))):
        place = PurePosixPath(path)
        short[path] = f"{short[str(place.parent)]}/D{number:07}"
        iso.add_directory(short[path], rr_name=place.name, joliet_path=f"/{path}", file_mode=0o040500)
    return short
