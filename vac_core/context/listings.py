"""Paths and listings of the metadata service: which file of the tree a path asks for, and what a directory shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

LATEST: Final = "latest"

EC2_VERSIONS: Final = ("1.0", "2007-12-15", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23", LATEST)
"""Versions of the EC2 metadata service that are listed, in order; any other date is answered just the same."""

OPENSTACK_VERSIONS: Final = (
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    LATEST,
)
"""Versions of the OpenStack metadata service that are listed, in order; any other date is answered just the same."""

_VERSION: Final = re.compile(r"latest|1\.0|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_VERSIONED: Final = frozenset({"openstack", "ec2"})


def segments(path: str) -> tuple[str, ...] | None:
    """The parts of an URL's path, doubled and trailing slashes folded.

    None if one is ``.`` or ``..``, or holds what cannot be printed, such as octets that are no text.
    """
    parts = tuple(part for part in path.split("/") if part)
    return None if any(part in {".", ".."} or not part.isprintable() for part in parts) else parts


def canonical(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The path in the metadata tree that a path asks for: a version, where one may stand, becomes ``latest``."""
    place = 1 if parts[:1] and parts[0] in _VERSIONED else 0
    if len(parts) > place and _VERSION.fullmatch(parts[place]):
        return (*parts[:place], LATEST, *parts[place + 1 :])
    return parts


def listing(directory: tuple[str, ...], files: Iterable[str], directories: Iterable[str]) -> str:
    """What the metadata service shows of a directory, one name on a line; names of directories end in ``/``.

    The two services list their versions without slashes, and EC2's ``public-keys/`` lists keys as ``0=NAME``.
    """
    if directory in {(), ("openstack",)}:
        return "\n".join(OPENSTACK_VERSIONS if directory else EC2_VERSIONS)
    if directory[-2:] == ("meta-data", "public-keys"):
        return "\n".join(f"{place}=vac{place}" for place in sorted(directories, key=int))
    return "\n".join(sorted([*files, *(f"{name}/" for name in directories)]))
