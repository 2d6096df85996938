"""The program itself: where it is, which it is, and whether this host lets its users make containers."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import attrs

from vac_core.interfaces import PluginError

_VERSION_SECONDS = 20.0
_ANSWER_MAX = 200
_SYSCTLS = {
    "/proc/sys/kernel/unprivileged_userns_clone": "kernel.unprivileged_userns_clone = 1",
    "/proc/sys/user/max_user_namespaces": "user.max_user_namespaces = 15000",
}
"""What must not be 0, and how it is mended with sysctl."""


@attrs.frozen(kw_only=True)
class Program:
    """Apptainer, or Singularity, as it is installed here."""

    path: Path
    version: str
    """Its own words, such as ``apptainer version 1.4.5``."""

    @property
    def prefix(self) -> str:
        """What stands before a variable that a container is to have, in the program's own environment."""
        return "APPTAINERENV_" if self.version.startswith("apptainer") else "SINGULARITYENV_"


def program(option: str | None, search_path: str | None = None) -> Program:
    """The program that the option ``program`` names, or that PATH holds. Raises `PluginError` where there is none."""
    found = option or shutil.which("apptainer", path=search_path) or shutil.which("singularity", path=search_path)
    if found is None:
        raise PluginError(
            "neither apptainer nor singularity is in the factory's PATH: "
            "install apptainer, or set program in [plugin apptainer]"
        )
    try:
        changed = Path(found).stat().st_mtime_ns
    except OSError as problem:
        raise PluginError(
            f"program {found}: {problem.strerror}: install apptainer, or mend program in [plugin apptainer]"
        ) from None
    return Program(path=Path(found), version=_version(found, changed))


@lru_cache(maxsize=8)
def _version(path: str, changed: int) -> str:
    """What it says of itself; asked again when the file has changed."""
    del changed
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as problem:
        raise PluginError(f"{path} --version fails: {problem}: see that it is installed whole") from None
    return answer[:_ANSWER_MAX]


def namespaces_forbidden() -> str:
    """How this host keeps users from making containers, and the sysctl that mends it; empty where it does not."""
    for path, mend in _SYSCTLS.items():
        try:
            value = Path(path).read_text("ascii").strip()
        except OSError:
            continue
        if value == "0":
            return mend
    return ""
