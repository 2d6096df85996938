"""A guest of one sector that gives back what comes in at its serial port, and switches itself off after a ``q``."""

from __future__ import annotations

from typing import Final

_ECHO: Final = bytes.fromhex(
    "bafd03 ec a801 74f8"  # mov dx,0x3fd; in al,dx; test al,1; jz back: until an octet has come
    "baf803 ec ee"  # mov dx,0x3f8; in al,dx; out dx,al
    "3c71 75ef"  # cmp al,'q'; jne back to the first
)
_OFF: Final = bytes.fromhex("ba0406 b80020 ef f4 ebfd")  # S5 by ACPI's PM1a_CNT, where SeaBIOS puts it on q35; hlt

ECHO_DISK: Final = ((_ECHO + _OFF).ljust(510, b"\0") + b"\x55\xaa").ljust(2**20, b"\0")
"""A raw disk image that boots by BIOS."""
