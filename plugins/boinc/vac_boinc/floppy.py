"""The floppy image by which a wrapper and its guest talk: two texts and two flags (samples/vboxwrapper/floppyio.h).

The guest reads the raw device ``/dev/fd0``: what it is told begins at octet 14335, what it says at 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SIZE: Final = 28672
TEXT_SIZE: Final = 14335
SAID_AT: Final = 0
TOLD_AT: Final = TEXT_SIZE
FOR_GUEST: Final = 28670
"""The octet that is 1 while what is told is new to the guest."""
FOR_HOST: Final = 28671


class FloppyError(Exception):
    """A text does not fit."""


def image(told: bytes) -> bytes:
    """An image that tells a guest this. Raises `FloppyError`."""
    if len(told) >= TEXT_SIZE:
        raise FloppyError(f"{len(told)} octets are more than the {TEXT_SIZE - 1} that a floppy holds: make it shorter")
    if b"\0" in told:
        raise FloppyError("it holds an octet of 0, at which a guest stops to read")
    made = bytearray(SIZE)
    made[TOLD_AT : TOLD_AT + len(told)] = told
    made[FOR_GUEST] = 1
    return bytes(made)


def said(raw: bytes) -> bytes | None:
    """What a guest says on an image; None where it says nothing new, or the image is not whole."""
    if len(raw) != SIZE or not raw[FOR_HOST]:
        return None
    return raw[SAID_AT : SAID_AT + TEXT_SIZE].split(b"\0")[0]


def cern_lines(values: Mapping[str, str]) -> bytes:
    """NAME=value lines, which guests with ``enable_cern_dataformat`` read in place of init_data.xml."""
    return "".join(f"{name}={' '.join(value.split())}\n" for name, value in values.items()).encode("utf-8")
