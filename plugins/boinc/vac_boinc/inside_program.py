"""What runs inside a machine, in one piece: a script for processes and containers, cloud-config for VMs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Final

from vac_core.context import programs
from vac_core.context.programs import WrittenFile

PROGRAM_DIR: Final = "/usr/local/libexec/vac-boinc"
PLACE_DIR: Final = "/etc/vac-boinc"
_ARCHIVE: Final = "inside.zip"
_MAIN: Final = "from inside.__main__ import main\n\nmain()\n"
_START: Final = "start.sh"
_INSIDE: Final = "vac_boinc.inside"
_ABOUT: Final = "Runs BOINC's client, or an application for it; written by vac-boinc for one machine."
_NOT_FOR_VMS: Final = frozenset({"inside/app.py", "inside/contract.py"})
"""Of applications, which run elsewhere: EC2 takes 16384 octets of user data."""


def script(files: Mapping[str, bytes], place: str = "") -> bytes:
    """The program by itself. Its files stand in it, unless they are in a directory that the machine has."""
    return "".join(_parts(files, place)).encode("utf-8")


def cloud_config(files: Mapping[str, bytes]) -> bytes:
    """User data of a virtual machine."""
    program = {name: text for name, text in programs.inside(_INSIDE).items() if name not in _NOT_FOR_VMS}
    written = (
        WrittenFile(f"{PROGRAM_DIR}/{_ARCHIVE}", _archive(program)),
        WrittenFile(f"{PROGRAM_DIR}/{_START}", resources.files(_INSIDE).joinpath(_START).read_bytes(), 0o755),
        *(WrittenFile(f"{PLACE_DIR}/{name}", content, 0o600) for name, content in files.items()),
    )
    return programs.cloud_config(written, runcmd=[[f"{PROGRAM_DIR}/{_START}"]])


def _archive(texts: Mapping[str, str]) -> bytes:
    """A program that Python runs as it is. It is stored plain, as it is packed whole then, which makes it smaller."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, text in {"__main__.py": _MAIN, **texts}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return made.getvalue()


def _parts(files: Mapping[str, bytes], place: str) -> Iterator[str]:
    yield programs.beginning(_ABOUT, programs.inside(_INSIDE))
    if not place:
        place = "$program/place"
        yield f'umask 077\nmkdir "{place}"\n'
        for name, content in files.items():
            yield programs.here(f'cat >"{place}/{name}"', content.decode("ascii"))
    yield f'cd "$program"\nexec python3 -m inside "{place}"\n'
