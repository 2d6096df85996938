"""One poll of a space: what was asked of whom, and who has answered. It owns no socket and reads no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from vac_core.vacquery.messages import (
    FactoryStatus,
    MachineStatus,
    MachinetypeStatus,
    Message,
    MessageError,
    NoStatus,
    Query,
    QueryKind,
    Refusal,
    Status,
    program_version,
)

_ANSWERS: Mapping[QueryKind, type[Status]] = {
    QueryKind.FACTORY: FactoryStatus,
    QueryKind.MACHINES: MachineStatus,
    QueryKind.MACHINETYPES: MachinetypeStatus,
}


class Poll:
    """Pairs answers with queries by their cookies, each a hash of a secret and the factory's name.

    Only who received the query can answer for that factory; addresses prove nothing, for a host may have several.
    """

    def __init__(self, kind: QueryKind, space: str, factories: Iterable[str], secret: str, program: str) -> None:
        self.kind = kind
        self.space = space
        self.complete: set[str] = set()
        self._program = program
        self._cookies = {name: hashlib.sha256(f"{secret}{name}".encode()).hexdigest() for name in factories}
        self._asked = {cookie: name for name, cookie in self._cookies.items()}
        self._statuses: dict[str, dict[str, Status]] = {}

    def question(self, factory: str) -> Query:
        """The query for one of the factories; asking again is the same query."""
        return Query(
            kind=self.kind,
            cookie=self._cookies[factory],
            space=self.space,
            vac_version=program_version(self._program),
            to=factory,
            no_status="yes",
        )

    def take(self, message: Message) -> str | None:
        """Take a message in; returns the factory's name if its answer is complete with it.

        Raises `MessageError` for what no query of this poll asked for.
        """
        if not isinstance(message, NoStatus | _ANSWERS[self.kind]):
            raise MessageError(Refusal.NOT_ASKED_FOR)
        if message.space != self.space:
            raise MessageError(Refusal.OTHER_SPACE, message.space)
        name = self._asked.get(message.cookie)
        if name is None or message.factory.lower() != name:
            raise MessageError(Refusal.UNKNOWN_COOKIE, message.factory)
        if name in self.complete:
            return None
        taken = self._statuses.setdefault(name, {})
        if not isinstance(message, NoStatus):
            part, count = _part(message)
            taken[part] = message
            if len(taken) < count:
                return None
        self.complete.add(name)
        return name

    def statuses(self) -> dict[str, tuple[Status, ...]]:
        """What came, by factory, whole answers or parts of them."""
        return {name: tuple(taken.values()) for name, taken in self._statuses.items()}


def _part(status: Status) -> tuple[str, int]:
    """What one status of an answer is about, and how many make the whole answer."""
    if isinstance(status, MachineStatus):
        return status.machine, status.num_machines
    if isinstance(status, MachinetypeStatus):
        return status.machinetype, status.num_machinetypes
    return "", 1
