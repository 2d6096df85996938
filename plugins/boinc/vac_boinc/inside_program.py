"""What runs inside a machine, in one piece: a script for processes and containers, cloud-config for VMs."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Final

PROGRAM_DIR: Final = "/usr/local/libexec/vac-boinc"
PLACE_DIR: Final = "/etc/vac-boinc"
_ARCHIVE: Final = "inside.zip"
_MAIN: Final = "from inside.__main__ import main\n\nmain()\n"
_START: Final = "start.sh"
_END: Final = "END_OF_VAC_BOINC"
_NOT_FOR_VMS: Final = frozenset({"inside/app.py", "inside/contract.py"})
"""Of applications, which run elsewhere: EC2 takes 16384 octets of user data."""
_HEAD: Final = """\
#!/bin/sh
# Runs BOINC's client, or an application for it; written by vac-boinc for one machine.
set -eu
umask 022

give_up() {
    printf '%s\\n' "$1" >"${JOBOUTPUTS:-/var/spool/joboutputs}/shutdown_message"
    exit 1
}

command -v python3 >/dev/null || give_up '500 Missing python3'
program=$(mktemp -d) || give_up '500 Missing a directory to work in'
mkdir "$program/inside"
"""


def script(files: Mapping[str, bytes], place: str = "") -> bytes:
    """The program by itself. Its files stand in it, unless they are in a directory that the machine has."""
    return "".join(_parts(files, place)).encode("utf-8")


def cloud_config(files: Mapping[str, bytes]) -> bytes:
    """User data of a virtual machine: cloud-init reads JSON as the YAML that it is."""
    start = resources.files("vac_boinc.inside").joinpath(_START).read_bytes()
    program = {name: text for name, text in _inside().items() if name not in _NOT_FOR_VMS}
    written = [_file(f"{PROGRAM_DIR}/{_ARCHIVE}", _archive(program), 0o644)]
    written.append(_file(f"{PROGRAM_DIR}/{_START}", start, 0o755))
    written += [_file(f"{PLACE_DIR}/{name}", content, 0o600) for name, content in files.items()]
    told: Mapping[str, Any] = {"write_files": written, "runcmd": [[f"{PROGRAM_DIR}/{_START}"]]}
    return b"#cloud-config\n" + json.dumps(told, indent=1).encode("ascii") + b"\n"


def _inside() -> Mapping[str, str]:
    found = [one for one in resources.files("vac_boinc.inside").iterdir() if one.name.endswith(".py")]
    return {f"inside/{one.name}": one.read_text("utf-8") for one in sorted(found, key=lambda one: one.name)}


def _archive(texts: Mapping[str, str]) -> bytes:
    """A program that Python runs as it is. It is stored plain, as it is packed whole then, which makes it smaller."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, text in {"__main__.py": _MAIN, **texts}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return made.getvalue()


def _file(path: str, content: bytes, mode: int) -> Mapping[str, str]:
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")
    return {"path": path, "permissions": f"{mode:04o}", "encoding": "gz+b64", "content": packed}


def _parts(files: Mapping[str, bytes], place: str) -> Iterator[str]:
    yield _HEAD
    for name, text in _inside().items():
        yield _here(f'"$program/{name}"', text)
    if not place:
        place = "$program/place"
        yield f'umask 077\nmkdir "{place}"\n'
        for name, content in files.items():
            yield _here(f'"{place}/{name}"', content.decode("ascii"))
    yield f'cd "$program"\nexec python3 -m inside "{place}"\n'


def _here(name: str, text: str) -> str:
    """A shell's here-document, as it stands: no line of ours is the word that ends it."""
    return f"cat >{name} <<'{_END}'\n{text.rstrip()}\n{_END}\n"
