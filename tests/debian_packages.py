"""Packages of a Debian suite, by name and checked by apt, for tests that need what this host's suite does not have."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "http://deb.debian.org/debian"
SECONDS = 600


def download(suite: str, names: Iterable[str], directory: Path) -> list[Path]:
    """Download packages of a suite, whose signature apt checks, by an apt of its own that knows nothing of this host's.

    Raises `subprocess.SubprocessError` where that cannot be done.
    """
    state = directory / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n", "utf-8")
    options = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state / "cache",
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "--quiet=2", *(f"--option={name}={value}" for name, value in options.items())]
    subprocess.run([*apt, "update"], check=True, timeout=SECONDS, capture_output=True)
    packages = directory / "packages"
    packages.mkdir()
    subprocess.run([*apt, "download", *names], cwd=packages, check=True, timeout=SECONDS, capture_output=True)
    return sorted(packages.glob("*.deb"))
