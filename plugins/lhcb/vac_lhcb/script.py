"""A pilot's run as one program: what containers and processes are given as their user_data."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

from vac_core.context import programs

_ABOUT = "Runs a DIRAC pilot; written by vac-lhcb for one machine."


def inside() -> Mapping[str, str]:
    """The files that run inside a machine, by their names below the directory they are put in."""
    return programs.inside("vac_lhcb.inside")


def run_script(settings: bytes, secrets: Mapping[str, bytes], pilot: Mapping[str, bytes], files_dir: str = "") -> bytes:
    """The program. Secrets, and the pilot's files, stand in it, unless they are in a directory that the machine has."""
    return "".join(_parts(settings, secrets, pilot, files_dir)).encode("utf-8")


def _parts(settings: bytes, secrets: Mapping[str, bytes], pilot: Mapping[str, bytes], files_dir: str) -> Iterator[str]:
    yield programs.beginning(_ABOUT, inside())
    yield programs.here('cat >"$program/settings.json"', settings.decode("ascii"))
    if files_dir:
        for name in (*secrets, *pilot):
            yield f'ln -s "{files_dir}/{name}" "$program/{name}"\n'
    else:
        for name, content in secrets.items():
            yield programs.here(f'(umask 077 && cat >"$program/{name}")', content.decode("ascii"))
        for name, content in pilot.items():
            yield programs.here(f'base64 -d >"$program/{name}"', base64.encodebytes(content).decode("ascii"))
    yield 'cd "$program"\nexec python3 -m inside settings.json\n'
