"""A pilot's run as one program: what containers and processes are given as their user_data."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Final

_END: Final = "END_OF_VAC_LHCB"
_HEAD: Final = """\
#!/bin/sh
# Runs a DIRAC pilot; written by vac-lhcb for one machine.
set -eu
umask 022

give_up() {
    printf '%s\\n' "$1" >"${JOBOUTPUTS:-/var/spool/joboutputs}/shutdown_message"
    exit 1
}

command -v python3 >/dev/null || give_up '500 Missing python3'
place=$(mktemp -d) || give_up '500 Missing a directory to work in'
mkdir "$place/inside"
"""


def inside() -> Mapping[str, str]:
    """The files that run inside a machine, by their names below the directory they are put in."""
    files = resources.files("vac_lhcb.inside")
    return {f"inside/{one.name}": one.read_text("utf-8") for one in _sorted(files) if one.name.endswith(".py")}


def _sorted(directory: resources.abc.Traversable) -> list[resources.abc.Traversable]:
    return sorted(directory.iterdir(), key=lambda one: one.name)


def run_script(settings: bytes, secrets: Mapping[str, bytes], pilot: Mapping[str, bytes], files_dir: str = "") -> bytes:
    """The program. Secrets, and the pilot's files, stand in it, unless they are in a directory that the machine has."""
    return "".join(_parts(settings, secrets, pilot, files_dir)).encode("utf-8")


def _parts(settings: bytes, secrets: Mapping[str, bytes], pilot: Mapping[str, bytes], files_dir: str) -> Iterator[str]:
    yield _HEAD
    for name, text in inside().items():
        yield _here(f'cat >"$place/{name}"', text)
    yield _here('cat >"$place/settings.json"', settings.decode("ascii"))
    if files_dir:
        for name in (*secrets, *pilot):
            yield f'ln -s "{files_dir}/{name}" "$place/{name}"\n'
    else:
        for name, content in secrets.items():
            yield _here(f'(umask 077 && cat >"$place/{name}")', content.decode("ascii"))
        for name, content in pilot.items():
            yield _here(f'base64 -d >"$place/{name}"', base64.encodebytes(content).decode("ascii"))
    yield 'cd "$place"\nexec python3 -m inside settings.json\n'


def _here(command: str, text: str) -> str:
    """A shell's here-document, as it stands: no line of ours is the word that ends it."""
    return f"{command} <<'{_END}'\n{text.rstrip()}\n{_END}\n"
