"""The smallest guest that shows whether a virtual machine makes progress: one sector of machine code on a disk.

The firmware finds and starts it, as it would any system. It counts, which needs no help of the hypervisor; writes to a
port many times, each of which leaves the guest; says so on its serial port; and switches the machine off by ACPI.
"""

from __future__ import annotations

import struct
from typing import Final

SAYS: Final = b"vac: this guest has run\r\n"

_LOADED_AT: Final = 0x7C00
_SECTOR: Final = 512
_SIGNATURE: Final = b"\x55\xaa"
_DISK_OCTETS: Final = 1048576
"""SeaBIOS reads no disk that is much smaller."""

_COUNT: Final = 50_000_000
_EXITS: Final = 5_000

# Real mode, 16 bits.
_BEGIN: Final = bytes.fromhex("31c0 8ed8")  # xor ax,ax; mov ds,ax
_SET_ECX: Final = bytes.fromhex("66b9")  # mov ecx, the next four octets
_COUNT_DOWN: Final = bytes.fromhex("6649 75fc")  # dec ecx; jnz back to it
_WRITE_DOWN: Final = bytes.fromhex("e680 6649 75fa")  # out 0x80,al; dec ecx; jnz back to out
_SET_SI: Final = bytes.fromhex("be")  # mov si, the next two octets
_SAY: Final = bytes.fromhex(
    "baf803"  # mov dx,0x3f8: the first serial port
    "ac"  # lodsb
    "84c0 7403"  # test al,al; jz past the loop
    "ee ebf8"  # out dx,al; jmp back to lodsb
)
_SWITCH_OFF: Final = bytes.fromhex(
    "ba0406 b80020 ef"  # write SLP_EN of S5 to PM1a_CNT, where SeaBIOS puts it: mov dx,0x604; mov ax,0x2000; out dx,ax
    "f4 ebfd"  # hlt; jmp back to it
)


def trial_disk(count: int = _COUNT, exits: int = _EXITS) -> bytes:
    """A raw disk image that boots by BIOS on a q35 board, and takes well under a second where KVM works."""
    work = _BEGIN + _SET_ECX + struct.pack("<I", count) + _COUNT_DOWN
    work += _SET_ECX + struct.pack("<I", exits) + _WRITE_DOWN
    end = _SAY + _SWITCH_OFF
    text_at = _LOADED_AT + len(work) + len(_SET_SI) + 2 + len(end)
    code = work + _SET_SI + struct.pack("<H", text_at) + end + SAYS + b"\0"
    return (code.ljust(_SECTOR - len(_SIGNATURE), b"\0") + _SIGNATURE).ljust(_DISK_OCTETS, b"\0")
