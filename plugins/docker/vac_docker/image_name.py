"""Names of images: what ``root_image`` may say, and the one full name by which an engine is asked.

The grammar is that of the OCI distribution project's references: HOST/PATH:TAG@DIGEST, of which Docker lets people
leave out most. An engine also takes ids of local images where it expects names; a full name cannot be mistaken for one.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from vac_docker.readers import DIGEST

SCHEME: Final = "docker://"
ARCHIVES: Final = "localhost/vac-archive"
"""The repository, of this host alone, in which images from archives are kept."""

_HUB: Final = "docker.io"
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?)+(?::[0-9]{1,5})?|\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?"
)
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LONGEST: Final = 255


@attrs.frozen
class ImageName:
    """An image of a registry, by its full name."""

    host: str
    path: str
    tag: str
    digest: str = ""
    """Where there is one it decides, whatever the tag says."""

    @property
    def repository(self) -> str:
        """Where it is kept."""
        return f"{self.host}/{self.path}"

    @property
    def version(self) -> str:
        """Which of the repository's images: its digest, or else its tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"


def image_name(root_image: str) -> ImageName:
    """Read a name, with or without ``docker://``; raises `ValueError` that says what is wrong."""
    rest, at, digest = root_image.removeprefix(SCHEME).partition("@")
    if at and DIGEST.fullmatch(digest) is None:
        raise ValueError(f"{root_image!r} does not end with a digest: write @sha256: and 64 digits of hexadecimal")
    first, slash, more = rest.partition("/")
    host, path = (first, more) if slash and (set(first) & {".", ":"} or first == "localhost") else (_HUB, rest)
    if host in {"index.docker.io", _HUB}:
        host, path = _HUB, path if "/" in path else f"library/{path}"
    path, colon, tag = path.partition(":")
    tag = tag if colon else "latest"
    if not (_HOST.fullmatch(host) and _PATH.fullmatch(path) and _TAG.fullmatch(tag)) or len(path) > _LONGEST:
        raise ValueError(f"{root_image!r} is no name of an image: write docker://HOST/NAME:TAG, in lower case")
    return ImageName(host, path, tag, digest)
