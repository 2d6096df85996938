"""Letting a factory die in the middle of its work, without dying with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vac_core.factory.journal import Journal, JournalError
from vac_core.interfaces import PluginError
from vac_core.testing.space import VirtualFactory

METHODS = ("create", "list_machines", "request_stop", "destroy", "pause", "resume")


class DyingJournal(Journal):
    """A journal whose factory dies at its nth write: just before, or just after, it is there for good.

    From then on nothing that the factory does has any effect: neither on the journal nor on its host.
    """

    def __init__(self, factory: VirtualFactory, writes: int, *, before: bool) -> None:
        super().__init__(factory.state.journal)
        self._factory = factory
        self._left = writes
        self._before = before
        self.dead = False

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._live_on()
        self._left -= 1
        if self._left == 0 and self._before:
            self._die()
        with super()._transaction():
            yield
        if self._left == 0:
            self._die()

    def _live_on(self) -> None:
        if self.dead:
            raise JournalError("this factory is dead")

    def _die(self) -> None:
        self.dead = True
        self._factory.host.failures = dict.fromkeys(METHODS, PluginError("this factory is dead"))
        self._live_on()


class TiredJournal(Journal):
    """A journal whose file can be made unwritable and writable again, by SQLite's own means."""

    def freeze(self, frozen: bool) -> None:
        self._db.execute(f"PRAGMA query_only={'ON' if frozen else 'OFF'}")
