"""What an image is, by its own header, before QEMU is told of it.

An image comes from a VO and may be hostile: a qcow2 header can name any file of the host as its backing or data file,
and QEMU would open it. So the header is read here, what names another file is refused, and the format is stated to
QEMU, which never has to guess. An image is only ever read by machines, so no guest can change what was found.

Format: docs/interop/qcow2.txt of QEMU. Usage::

    base = inspect(image.path)          # raises BaseError
    base.format, base.size              # "qcow2", octets that a machine will see
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from vac_core.interfaces import PluginError

SECTOR: Final = 512
_QCOW2: Final = b"QFI\xfb"
_HEADER: Final = struct.Struct(">4sIQIIQI")
"""magic, version, backing_file_offset, backing_file_size, cluster_bits, size, crypt_method"""
_FEATURES: Final = struct.Struct(">Q")
_FEATURES_AT: Final = 72
_HEAD_OCTETS: Final = 104
_CORRUPT, _DATA_FILE = 1 << 1, 1 << 2
_KNOWN_FEATURES: Final = 0b11111
_CLUSTER_BITS: Final = range(9, 22)
_ISO_AT: Final = 32769
_ISO: Final = b"CD001"

_OTHERS: Final[Mapping[bytes, str]] = {
    b"KDMV": "a VMDK image",
    b"# Disk DescriptorFile": "a VMDK descriptor",
    b"vhdxfile": "a VHDX image",
    b"conectix": "a VHD image",
    b"<<< ": "a VDI image",
    b"QED\0": "a QED image",
    b"LUKS\xba\xbe": "encrypted with LUKS",
    b"\x1f\x8b": "compressed with gzip",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\0": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"PK\x03\x04": "a zip archive",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
}


class BaseError(PluginError):
    """An image cannot be used; the message says what it is and the mend."""


@attrs.frozen(kw_only=True)
class Base:
    """An image that machines' disks may stand on."""

    path: Path
    format: str
    """``qcow2`` or ``raw``."""
    size: int
    """Octets of the disk that a machine sees."""
    iso: bool = False
    """Whether it is a CD-ROM's file system."""


def inspect(path: Path) -> Base:
    """Read an image's header; raises `BaseError` where it cannot be used or names another file."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_OCTETS)
            octets = file.seek(0, 2)
            file.seek(_ISO_AT)
            iso = file.read(len(_ISO)) == _ISO
    except OSError as error:
        raise BaseError(f"{path} cannot be read: {error.strerror}: name an image that the factory may read") from None
    if head.startswith(_QCOW2):
        return Base(path=path, format="qcow2", size=_qcow2_size(head))
    if (other := _other(head)) is not None:
        raise BaseError(f"it is {other}: publish it as qcow2 or as a raw disk, uncompressed")
    if octets < SECTOR:
        raise BaseError(f"it holds {octets} bytes, and no disk: see what its URL gives")
    return Base(path=path, format="raw", size=octets, iso=iso)


def _other(head: bytes) -> str | None:
    return next((what for magic, what in _OTHERS.items() if head.startswith(magic)), None)


def _qcow2_size(head: bytes) -> int:
    """The virtual size of a qcow2 image that stands by itself."""
    if len(head) < _FEATURES_AT:
        raise BaseError("its qcow2 header is cut off: publish it again")
    _, version, backing_at, backing_octets, cluster_bits, size, encryption = _HEADER.unpack_from(head)
    if version not in {2, 3} or cluster_bits not in _CLUSTER_BITS or not size:
        raise BaseError(f"its qcow2 header is not valid (version {version}): convert it with qemu-img")
    if backing_at or backing_octets:
        raise BaseError("it needs a backing file, which could be any file of this host: publish it whole")
    if encryption:
        raise BaseError("it is encrypted: publish it unencrypted")
    if version >= 3:
        _check_features(head)
    return int(size)


def _check_features(head: bytes) -> None:
    if len(head) < _FEATURES_AT + _FEATURES.size:
        raise BaseError("its qcow2 header is cut off: publish it again")
    (features,) = _FEATURES.unpack_from(head, _FEATURES_AT)
    if features & _DATA_FILE:
        raise BaseError("it needs an external data file, which could be any file of this host: publish it whole")
    if features & _CORRUPT:
        raise BaseError("it is marked as corrupt: mend it with qemu-img check, and publish it again")
    if features & ~_KNOWN_FEATURES:
        raise BaseError("it uses features of qcow2 that are not known here: convert it with qemu-img")
