"""The answer to a query: a list of datagrams, made from a snapshot of the factory's state and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vac_core.interfaces import SpaceView
from vac_core.vacquery.messages import MAX_OCTETS, MessageError, Query, QueryKind, Refusal, Status, head, tail
from vac_core.vacquery.snapshot import (
    Sender,
    factory_status,
    machine_statuses,
    machinetype_statuses,
    no_status,
)

_MAKERS: Final[Mapping[QueryKind, Callable[[SpaceView, Sender], Sequence[Status]]]] = {
    QueryKind.FACTORY: lambda view, sender: [factory_status(view, sender)],
    QueryKind.MACHINES: machine_statuses,
    QueryKind.MACHINETYPES: machinetype_statuses,
}


def answer(query: Query, view: SpaceView, now: float, *, space: str, room: int = MAX_OCTETS) -> list[bytes]:
    """All datagrams of the answer, each of at most ``room`` octets; ``now`` in Unix seconds.

    Raises `MessageError` for a query that is for another space or another factory.
    """
    return Answers(space, room).to(query, view, now)


class Answers:
    """Answers queries, and remembers its answers for as long as they would be the same: the same snapshot and second.

    In a flood of queries only the cookie differs from one answer to the next.
    """

    def __init__(self, space: str, room: int = MAX_OCTETS) -> None:
        self.space = space
        self.room = room
        self._view: SpaceView | None = None
        self._second = 0
        self._heads: dict[tuple[QueryKind, bool], list[bytes]] = {}

    def to(self, query: Query, view: SpaceView, now: float) -> list[bytes]:
        """As `answer`."""
        if query.space != self.space:
            raise MessageError(Refusal.OTHER_SPACE, query.space)
        if query.to and query.to != view.own.factory:
            raise MessageError(Refusal.OTHER_FACTORY, query.to)
        if view is not self._view or int(now) != self._second:
            self._view, self._second = view, int(now)
            self._heads.clear()
        asked = query.kind, bool(query.no_status)
        if asked not in self._heads:
            self._heads[asked] = self._made(query, view, now)
        end = tail(query.cookie)
        return [one + end for one in self._heads[asked]]

    def _made(self, query: Query, view: SpaceView, now: float) -> list[bytes]:
        sender = Sender(space=self.space, now=now)
        statuses = _MAKERS[query.kind](view, sender)
        if not statuses and query.no_status:
            return [head(no_status(view, sender), self.room)]
        return [head(status, self.room) for status in statuses]
