"""What user data is: told by its beginning, as cloud-init and CernVM tell it."""

from __future__ import annotations

import enum
import re
import zlib
from typing import Final

import attrs

UNPACKED_MAX: Final = 16 * 1048576
"""Octets that compressed user data may unpack to."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31
_MIME_SIGN: Final = b"mime-version:"
_MIME_LOOKED_AT: Final = 4096
_INI: Final = re.compile(rb"\[(?:amiconfig|cernvm|ucernvm-begin)\]", re.IGNORECASE)


class UserDataError(ValueError):
    """User data cannot be read; the message says what is wrong."""


class Format(enum.Enum):
    """What user data can be; the value is the MIME type of a part that is that, or a word where there is none."""

    EMPTY = "empty"
    SCRIPT = "text/x-shellscript"
    CLOUD_CONFIG = "text/cloud-config"
    CLOUD_CONFIG_ARCHIVE = "text/cloud-config-archive"
    CLOUD_CONFIG_PATCH = "text/cloud-config-jsonp"
    BOOTHOOK = "text/cloud-boothook"
    INCLUDE = "text/x-include-url"
    INCLUDE_ONCE = "text/x-include-once-url"
    PART_HANDLER = "text/part-handler"
    TEMPLATE = "text/jinja2"
    MIME = "multipart"
    AMICONFIG = "text/amiconfig-user-data"
    UNKNOWN = "unknown"


_BEGINNINGS: Final = (
    (b"#cloud-config-archive", Format.CLOUD_CONFIG_ARCHIVE),
    (b"#cloud-config-jsonp", Format.CLOUD_CONFIG_PATCH),
    (b"#cloud-config", Format.CLOUD_CONFIG),
    (b"#cloud-boothook", Format.BOOTHOOK),
    (b"#include-once", Format.INCLUDE_ONCE),
    (b"#include", Format.INCLUDE),
    (b"#part-handler", Format.PART_HANDLER),
    (b"## template: jinja", Format.TEMPLATE),
    (b"#!", Format.SCRIPT),
)
"""A beginning that another begins with comes after it."""

_MOST_BEGINNING: Final = max(len(beginning) for beginning, _ in _BEGINNINGS)


@attrs.frozen
class UserData:
    """User data that has been looked at."""

    format: Format
    body: bytes = attrs.field(repr=False)
    """Unpacked, where it came compressed."""


def recognise(user_data: bytes) -> UserData:
    """Tell what user data is. Raises `UserDataError` where it is compressed and cannot be unpacked."""
    body = unpacked(user_data) if user_data.startswith(_GZIP_MAGIC) else user_data
    return UserData(_format(body), body)


def _format(body: bytes) -> Format:
    text = body.lstrip()
    if not text:
        return Format.EMPTY
    start = text[:_MOST_BEGINNING].lower()
    for beginning, found in _BEGINNINGS:
        if start.startswith(beginning):
            return found
    if _MIME_SIGN in body[:_MIME_LOOKED_AT].lower():
        return Format.MIME
    return Format.AMICONFIG if any(_INI.match(line.strip()) for line in text.splitlines()) else Format.UNKNOWN


def unpacked(packed: bytes) -> bytes:
    """What gzip has packed. Raises `UserDataError`."""
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        body = unpacker.decompress(packed, UNPACKED_MAX + 1)
    except zlib.error as error:
        raise UserDataError(f"as gzip it cannot be unpacked: {error}") from None
    if len(body) > UNPACKED_MAX:
        raise UserDataError(f"as gzip it unpacks to more than {UNPACKED_MAX} octets")
    if not unpacker.eof:
        raise UserDataError("as gzip it is cut short")
    return body
