"""A virtual organisation's task queue, without sockets: tasks, leases, and the count of what became of both.

A task is handed out under a lease. The lease is finished once, given back once, or runs out; a task whose lease was
given back or ran out is handed out again under another. So a task is done once, however many machines die over it.
"""

from __future__ import annotations

import enum
import hashlib
import secrets
from collections import deque

import attrs

DIFFICULTY_BITS = 12
"""A task's answer is a number that makes the digest of both begin with so many zero bits: some 4000 tries."""


class Verdict(enum.Enum):
    """What a queue says to a machine that hands in an answer."""

    DONE = "done"
    WRONG = "wrong"
    NO_LEASE = "no such lease"


@attrs.frozen
class Lease:
    """A task in the hands of a machine."""

    id: str
    task: str
    machine: str
    until: float


@attrs.define
class Tally:
    """What became of tasks and leases; ``leases`` is always done + returned + expired + those still out."""

    added: int = 0
    leases: int = 0
    done: int = 0
    returned: int = 0
    expired: int = 0
    refused: int = 0
    """Answers to leases that were over already, and wrong answers."""


def is_answer(task: str, answer: str) -> bool:
    """Whether this is what the task asks for."""
    digest = hashlib.sha256(f"{task}:{answer}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - DIFFICULTY_BITS) == 0


class TaskQueue:
    """One VO's queue. Times are seconds of any one clock."""

    def __init__(self, name: str, lease_seconds: float) -> None:
        self.name = name
        self.tally = Tally()
        self.closed = False
        self.done: dict[str, str] = {}
        """Each finished task, and the lease under which it was."""
        self._lease_seconds = lease_seconds
        self._waiting: deque[str] = deque()
        self._out: dict[str, Lease] = {}

    @property
    def waiting(self) -> int:
        """Tasks that nobody has."""
        return len(self._waiting)

    @property
    def out(self) -> int:
        """Leases that are neither finished nor over."""
        return len(self._out)

    def add(self, count: int) -> None:
        """Put new tasks in."""
        for _ in range(count):
            self.tally.added += 1
            self._waiting.append(f"{self.name}-{self.tally.added}")

    def lease(self, machine: str, now: float) -> Lease | None:
        """Hand out a task; None where there is none, or the queue is closed."""
        self._expire(now)
        if self.closed or not self._waiting:
            return None
        lease = Lease(secrets.token_hex(8), self._waiting.popleft(), machine, now + self._lease_seconds)
        self._out[lease.id] = lease
        self.tally.leases += 1
        return lease

    def finish(self, lease_id: str, answer: str, now: float) -> Verdict:
        """Take an answer in."""
        self._expire(now)
        lease = self._out.get(lease_id)
        if lease is None or not is_answer(lease.task, answer):
            self.tally.refused += 1
            return Verdict.NO_LEASE if lease is None else Verdict.WRONG
        del self._out[lease_id]
        self.done[lease.task] = lease.id
        self.tally.done += 1
        return Verdict.DONE

    def give_back(self, lease_id: str) -> bool:
        """Take a task back unfinished, to be handed out again first; False where there is no such lease."""
        lease = self._out.pop(lease_id, None)
        if lease is None:
            return False
        self._waiting.appendleft(lease.task)
        self.tally.returned += 1
        return True

    def _expire(self, now: float) -> None:
        for lease in [lease for lease in self._out.values() if lease.until <= now]:
            del self._out[lease.id]
            self._waiting.appendleft(lease.task)
            self.tally.expired += 1
