"""DIRAC in a virtual environment of its own, kept for the next run: its requirements are not ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kept import kept

RELEASE = "9.1.22"
GFAL2 = "gfal2_python-1.13.0.dist-info"
"""DIRAC asks for gfal2, which does not build here, and which only storage needs that we have none of."""


def dirac_python() -> Path:
    """The interpreter that has DIRAC."""
    return kept(f"dirac-{RELEASE}", _install) / "bin" / "python"


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


if __name__ == "__main__":  # before the tests go into a network from which no index can be reached
    print(dirac_python())
