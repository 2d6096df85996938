"""Whether user_data can be what a container runs, as far as can be told before it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vac_apptainer.binds import USER_DATA
from vac_core.interfaces import MachineTypeError

_ELF: Final = b"\x7fELF"


def refuse_unfit_program(command: Sequence[str], user_data: bytes) -> None:
    """Raise `MachineTypeError` where user_data is what is run and is no program. It shows nothing of user_data."""
    if command[0] != USER_DATA or user_data.startswith(_ELF):
        return
    first = user_data.partition(b"\n")[0]
    if not first.startswith(b"#!") or not first[2:].strip():
        raise MachineTypeError(
            "its user_data is not a program: the first line must be #! and an interpreter that its image has"
        )
    if first.endswith(b"\r"):
        raise MachineTypeError("its user_data has lines that end with CR and LF: save it with LF alone")
