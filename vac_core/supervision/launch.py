"""What is to be started as a machine, as a value; and what must lie on disk before it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from vac_core.supervision.cgroup import Cgroup
from vac_core.supervision.limits import Limits


@attrs.frozen(kw_only=True)
class Launch:
    """What is to be started, and where it leaves what."""

    own: Path
    """A directory that is made for it."""
    log: Path
    """Where it leaves what it prints."""
    user_data: bytes = attrs.field(repr=False)
    environment: Mapping[str, str] = attrs.field(repr=False)
    limits: Limits
    cgroup: Cgroup | None
    command: tuple[str, ...] = ()
    """The program that is run and its arguments; user_data itself where there is none."""
    files: tuple[tuple[str, bytes, int], ...] = attrs.field(default=(), repr=False)
    """Further files to make in ``own``: name, content and mode."""
    directories: tuple[str, ...] = ()
    """Further directories to make below ``own``, each after those that it is in."""
    owner: tuple[int, int] | None = None
    """User and group id to whom all of that is given; they stay the factory's own where there is none."""
    gifts: tuple[Path, ...] = ()
    """What is there already, and is given to the owner too."""

    @property
    def program(self) -> Path:
        """Where user_data is written to be run."""
        return self.own / "user_data"

    @property
    def work(self) -> Path:
        """Where it runs."""
        return self.own / "work"

    @property
    def argv(self) -> tuple[str, ...]:
        """What the supervisor runs."""
        return self.command or (str(self.program),)

    def make_directories(self) -> None:
        """Make those that do not hold programs; raises `OSError`."""
        self.own.mkdir(mode=0o700)
        for path in (self.work, *(self.own / name for name in self.directories)):
            path.mkdir(mode=0o700)
            self.give(path)
        for path in self.gifts:
            self.give(path)

    def write_files(self) -> None:
        """Write user_data and further files, each for its owner alone unless its mode says more; raises `OSError`."""
        for name, content, mode in (("user_data", self.user_data, 0o700), *self.files):
            path = self.own / name
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(content)
            path.chmod(mode)
            self.give(path)

    def give(self, path: Path) -> None:
        """Let the owner have it; a link stays as it is."""
        if self.owner is not None:
            os.chown(path, *self.owner, follow_symlinks=False)
