"""Locks between threads and processes alike: the kernel lets go of them when their holder ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for a lock that nobody holds for long, and hold it."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def if_free(path: Path) -> Iterator[bool]:
    """Hold a lock if nobody else does; the value tells whether it is held now.

    It is not where its directory is gone, which another may have taken away with all that the lock guards.
    """
    try:
        descriptor = _open(path)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _taken(descriptor, fcntl.LOCK_EX) and _still_there(path, descriptor)
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether anybody holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _taken(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _still_there(path: Path, descriptor: int) -> bool:
    """Whether the lock was not removed, with all that it guards, after it was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _taken(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
