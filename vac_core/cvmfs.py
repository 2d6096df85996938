"""CVMFS of the host for containers: whether a repository answers, and that it stays mounted while machines use it.

A mount whose server is gone may hang whoever touches it, and nothing ends such a wait. So each repository is touched by
a thread of its own, and nobody waits for that thread longer than a deadline.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import attrs

_FRESH_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 15.0
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@attrs.define
class Repository:
    """One repository as it was when it was touched last."""

    root: Path
    name: str
    thread: threading.Thread | None = None
    begun: float = 0.0
    done: float | None = None
    """When the latest touch that came back did so; None before the first."""
    problem: str = ""
    descriptor: int | None = None
    """Keeps it mounted."""

    @property
    def path(self) -> Path:
        """Where it is mounted."""
        return self.root / self.name

    def due(self, now: float) -> bool:
        """Whether it is time to touch it again; never while a touch is under way."""
        if self.thread is not None and self.thread.is_alive():
            return False
        return self.done is None or now - self.done > (_RETRY_SECONDS if self.problem else _FRESH_SECONDS)


class Cvmfs:
    """The repositories that machines want. ``news()`` is called, from a thread, when one has changed its mind."""

    def __init__(self, news: Callable[[], None]) -> None:
        self._news = news
        self._lock = threading.Lock()
        self._repositories: dict[Path, Repository] = {}
        self._users: dict[str, frozenset[Path]] = {}

    def refusal(self, root: str, names: Iterable[str], seconds: float) -> str | None:
        """Why machines that want these cannot be promised now; None where all answer. Never waits."""
        reasons = [self._refusal(Path(root), name, seconds) for name in names]  # all are touched at one time
        return next((reason for reason in reasons if reason), None)

    def _refusal(self, root: Path, name: str, seconds: float) -> str | None:
        with self._lock:
            one = self._repositories.setdefault(root / name, Repository(root, name))
            now = time.monotonic()
            if one.due(now):
                one.begun = now
                one.thread = threading.Thread(target=self._touch, args=(one,), name=f"vac-cvmfs-{name}", daemon=True)
                one.thread.start()
            waits = one.thread is not None and one.thread.is_alive()
            if waits and now - one.begun > seconds:
                return (
                    f"CVMFS: {one.path} has not answered for {now - one.begun:.0f} s: "
                    f"see cvmfs_config probe {name}, and cvmfs_config killall where it hangs"
                )
            if one.done is None:
                return f"CVMFS: {one.path} is being asked whether it is there"
            return one.problem or None

    def wait(self, root: str, names: Iterable[str], seconds: float) -> str | None:
        """As `refusal`, for whoever may wait until the deadline for an answer."""
        wanted, deadline = list(names), time.monotonic() + seconds
        while (reason := self.refusal(root, wanted, seconds)) is not None:
            threads = [
                one.thread for name in wanted if (one := self._repositories[Path(root) / name]).thread is not None
            ]
            waiting = [thread for thread in threads if thread is not None and thread.is_alive()]
            if not waiting or time.monotonic() >= deadline:
                return reason
            waiting[0].join(max(0.0, deadline - time.monotonic()))
        return None

    def _touch(self, one: Repository) -> None:
        problem = self._open(one)
        changed = one.done is None or problem != one.problem
        one.problem, one.done = problem, time.monotonic()
        if changed:
            self._news()

    def _open(self, one: Repository) -> str:
        """Go in and look for anything there, as a job would; returns what is wrong."""
        try:
            descriptor = os.open(one.path, _DIRECTORY)
        except OSError as problem:
            return f"CVMFS: {one.path}: {problem.strerror}: see that the host mounts it (cvmfs_config probe {one.name})"
        try:
            with os.scandir(descriptor) as entries:
                empty = next(entries, None) is None
        except OSError as problem:
            os.close(descriptor)
            return f"CVMFS: {one.path}: {problem.strerror}: see cvmfs_config probe {one.name}"
        self._keep(one, descriptor)
        return (
            f"CVMFS: {one.path} is empty: see that the host mounts it (cvmfs_config probe {one.name})" if empty else ""
        )

    def _keep(self, one: Repository, descriptor: int) -> None:
        """Hold it open where a machine uses it: an automounter leaves alone what is in use."""
        with self._lock:
            before, one.descriptor = one.descriptor, descriptor if self._used(one) else None
        for old in {before, descriptor} - {one.descriptor, None}:
            with contextlib.suppress(OSError):
                os.close(old)  # type: ignore[arg-type]

    def _used(self, one: Repository) -> bool:
        return any(one.path in paths for paths in self._users.values())

    def hold(self, machine_id: str, root: str, names: Iterable[str]) -> None:
        """A machine uses these from now on."""
        paths = frozenset(Path(root) / name for name in names)
        if not paths:
            return
        with self._lock:
            self._users[machine_id] = paths
            for path in paths:
                one = self._repositories.setdefault(path, Repository(Path(root), path.name))
                one.done = None if one.descriptor is None else one.done  # it is touched again, and then kept open
        self.refusal(root, names, _RETRY_SECONDS)

    def release(self, machine_id: str) -> None:
        """A machine uses none any more."""
        with self._lock:
            self._users.pop(machine_id, None)
            idle = [one for one in self._repositories.values() if one.descriptor is not None and not self._used(one)]
            closing = [one.descriptor for one in idle]
            for one in idle:
                one.descriptor = None
        for descriptor in closing:
            if descriptor is not None:
                threading.Thread(target=os.close, args=(descriptor,), daemon=True).start()

    def held(self) -> frozenset[Path]:
        """Repositories that are kept open."""
        with self._lock:
            return frozenset(path for path, one in self._repositories.items() if one.descriptor is not None)
