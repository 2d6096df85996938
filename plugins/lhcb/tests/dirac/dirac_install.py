"""DIRAC in a virtual environment of its own, kept for the next run: its requirements are not ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kept import kept, place_of

RELEASE = "9.1.22"
NAME = f"dirac-{RELEASE}"
GFAL2 = "gfal2_python-1.13.0.dist-info"
"""DIRAC asks for gfal2, which does not build here, and which only storage needs that we have none of."""


def dirac_python() -> Path:
    """The interpreter that has DIRAC."""
    return kept(NAME, _install) / "bin" / "python"


def _install(directory: Path) -> None:
    # A copy and not a link: DIRAC starts its job wrappers with the real path of its interpreter.
    subprocess.run([sys.executable, "-m", "venv", "--copies", str(directory)], check=True)
    python = directory / "bin" / "python"
    libraries = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    stand_in = Path(libraries.stdout.strip()) / GFAL2
    stand_in.mkdir()
    (stand_in / "METADATA").write_text("Metadata-Version: 2.1\nName: gfal2-python\nVersion: 1.13.0\n")
    (stand_in / "INSTALLER").write_text("vac-tests\n")
    (stand_in / "RECORD").write_text("".join(f"{GFAL2}/{name},,\n" for name in ("METADATA", "INSTALLER", "RECORD")))
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", f"DIRAC[server,pilot]=={RELEASE}"], check=True)
    _settle(directory / "bin")


def _settle(programs: Path) -> None:
    """Let programs name the interpreter where it will be: what is kept is filled elsewhere first."""
    for program in programs.iterdir():
        content = program.read_bytes() if program.is_file() and not program.is_symlink() else b""
        if content.startswith(f"#!{programs}".encode()):
            program.write_bytes(content.replace(str(programs).encode(), str(place_of(NAME) / "bin").encode(), 1))
