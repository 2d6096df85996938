"""Programs that a contextualiser brings with it: its own Python files, which run inside machines.

As one shell script for processes and containers, or as files that cloud-init writes in virtual machines.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, Final

import attrs

_BEGINNING: Final = """\
#!/bin/sh
# {about}
set -eu
umask 022

give_up() {{
    printf '%s\\n' "$1" >"${{JOBOUTPUTS:-/var/spool/joboutputs}}/shutdown_message"
    exit 1
}}

command -v python3 >/dev/null || give_up '500 Missing python3'
program=$(mktemp -d) || give_up '500 Missing a directory to work in'
mkdir "$program/inside"
"""


def inside(package: str) -> Mapping[str, str]:
    """The Python files of a package by the names that they have in a machine, such as ``inside/run.py``.

    ``python3 -m inside`` runs them from the directory above.
    """
    found = [one for one in resources.files(package).iterdir() if one.name.endswith(".py")]
    return {f"inside/{one.name}": one.read_text("utf-8") for one in sorted(found, key=lambda one: one.name)}


def beginning(about: str, files: Mapping[str, str]) -> str:
    """The first lines of a script that Python's programs follow: ``files``, as of `inside`, are put below ``$program``.

    ``about`` is a line for people. The shell function ``give_up`` leaves a shutdown message and ends the machine; it is
    called where the machine has no Python.
    """
    written = "".join(here(f'cat >"$program/{name}"', text) for name, text in files.items())
    return _BEGINNING.format(about=about) + written


def here(command: str, text: str) -> str:
    """A shell's command with this text as its input, to the letter, but that it ends with exactly one line's end."""
    lines, end = text.rstrip("\n"), "END_OF_FILE"
    while end in lines.split("\n"):
        end += "_"
    return f"{command} <<'{end}'\n{lines}\n{end}\n"


@attrs.frozen
class WrittenFile:
    """A file that cloud-init writes."""

    path: str
    content: bytes = attrs.field(repr=False)
    mode: int = 0o644

    def as_entry(self) -> Mapping[str, str]:
        """As it stands under ``write_files``."""
        packed = base64.b64encode(gzip.compress(self.content, mtime=0)).decode("ascii")
        return {"path": self.path, "permissions": f"{self.mode:04o}", "encoding": "gz+b64", "content": packed}


def cloud_config(files: Iterable[WrittenFile], **more: Any) -> bytes:
    """User data with which cloud-init writes files; ``more`` are other keys, such as ``runcmd``, in their order.

    It is written as JSON, which cloud-init reads as the YAML that it is.
    """
    told = {**more, "write_files": [one.as_entry() for one in files]}
    return b"#cloud-config\n" + json.dumps(told, indent=1).encode("ascii") + b"\n"
