"""The factory's own directory: what stands where in it, and the lock that keeps a second daemon out."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

import attrs

from vac_core.interfaces import Home
from vac_core.removal import remove

_PRIVATE: Final = 0o700


class StateDirError(Exception):
    """The state directory cannot be used; the message says why and how to mend it."""


@attrs.frozen
class StateDir:
    """Paths below one state directory."""

    path: Path

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.path / "journal.sqlite"

    @property
    def control_socket(self) -> Path:
        """The Unix socket of the commands."""
        return self.path / "control.sock"

    @property
    def machines(self) -> Path:
        """Where each machine has a directory named by its id."""
        return self.path / "machines"

    @property
    def machinetypes(self) -> Path:
        """Where the site keeps machinetypes' files, each machinetype in a directory of its name."""
        return self.path / "machinetypes"

    @property
    def pipes_cache(self) -> Path:
        """Where the last good copies of vacuum pipes are kept."""
        return self.path / "pipescache"

    @property
    def kept_files(self) -> Path:
        """Where the site files are kept as they last were good."""
        return self.path / "site-files.json"

    def machine(self, machine_id: str) -> Path:
        """A machine's directory."""
        return self.machines / machine_id

    def plugin(self, kind: str, name: str) -> Path:
        """A directory of one plugin object's own."""
        return self.path / "plugins" / f"{kind}-{name}"

    def prepare(self) -> None:
        """Make what is missing, for nobody but the daemon's user; raises `StateDirError`."""
        try:
            for directory in (self.path, self.machines, self.path / "plugins"):
                directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise StateDirError(
                f"state directory {self.path} cannot be written: {error.strerror}: "
                "mend its permissions or disk, or name another with --state-dir"
            ) from error

    def lock(self) -> Lock:
        """Keep other daemons out for as long as this process lives; raises `StateDirError`."""
        return Lock(self.path / "lock")


class Lock:
    """An advisory lock that the kernel lets go of when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a+")
            self._take(path)
        except OSError as error:
            raise StateDirError(
                f"{path} cannot be written and locked: {error.strerror}: mend its permissions, its disk, or delete it"
            ) from error

    def _take(self, path: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise StateDirError(
                f"another factory (process {holder}) uses the state directory {path.parent}: "
                "stop it first, or name another directory with --state-dir"
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let another daemon in."""
        self._file.close()


def clear_private_parts(directory: Path, keep: frozenset[str]) -> None:
    """Delete all of an ended machine's directory but the entries in ``keep``."""
    if not directory.is_dir():
        return
    for entry in directory.iterdir():
        if entry.name in keep:
            continue
        if entry.is_dir() and not entry.is_symlink():
            remove(entry)  # a guest may have made what it shares with its host as deep as it likes
        else:
            entry.unlink()


def plugin_home(state: StateDir, kind: str, name: str, template: Home) -> Home:
    """A plugin object's `Home`: the factory's, with a directory of its own."""
    own = state.plugin(kind, name)
    own.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    return attrs.evolve(template, state_dir=own)
