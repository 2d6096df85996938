"""VacQuery messages as octets and as values: one JSON object in each datagram.

What is received was written by others: its size, its form and the type of each key are checked, numbers and times are
clamped. What is sent never exceeds `MAX_OCTETS`, so that it fits an Ethernet frame with an IPv6 header.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import attrs

from vac_core.vacquery.queries import VACQUERY_VERSION, Query, QueryKind, program_version
from vac_core.vacquery.refusal import MessageError, Refusal
from vac_core.vacquery.statuses import (
    FactoryStatus,
    FromFactory,
    MachineStatus,
    MachinetypeStatus,
    NoStatus,
    Status,
    StatusChanged,
)
from vac_core.vacquery.wire import read_keys, written_keys

__all__ = [
    "MAX_OCTETS",
    "VACQUERY_VERSION",
    "FactoryStatus",
    "MachineStatus",
    "MachinetypeStatus",
    "Message",
    "MessageError",
    "NoStatus",
    "Query",
    "QueryKind",
    "Refusal",
    "Status",
    "StatusChanged",
    "decode",
    "encode",
    "head",
    "program_version",
    "tail",
]

Message = Query | FromFactory

MAX_OCTETS: Final = 1452
"""Most octets of a message that is sent: an Ethernet frame of 1500 less the headers of IPv6 and UDP."""

MAX_RECEIVED: Final = 10240
"""Most octets of a message that is read: the size of the buffer of Vac 3's clients."""

COOKIE_ROOM: Final = 128
"""Octets kept free for the cookie while a message is shortened."""

_METHODS: Final[Mapping[str, QueryKind]] = {
    "machines": QueryKind.MACHINES,
    "machinetypes": QueryKind.MACHINETYPES,
    "factories": QueryKind.FACTORY,
}
_SENT_METHODS: Final[Mapping[QueryKind, str]] = {QueryKind.MACHINES: "machines", QueryKind.FACTORY: "factories"}
_QUERIES: Final = {f"{kind}_query": kind for kind in QueryKind}
_FROM_FACTORY: Final[Mapping[str, type[FromFactory]]] = {
    kind.message_type: kind for kind in (FactoryStatus, MachineStatus, MachinetypeStatus, NoStatus, StatusChanged)
}
_SHORTENED: Final = (("shutdown_message", 3), ("os_issue", 0), ("kernel_version", 0), ("site", 0))
"""Texts that may be cut to make a message fit, and what must be left: a shutdown message keeps its code."""


def decode(raw: bytes, now: float = math.inf) -> Message:
    """Read a datagram; times later than ``now`` (Unix seconds) are brought back to it.

    Raises `MessageError` for anything that is not a message of VacQuery with values of the right types.
    """
    document = _document(raw)
    word, method = document.get("message_type"), document.get("method")
    if isinstance(word, str) and word in _FROM_FACTORY:
        kind = _FROM_FACTORY[word]
        return kind(**read_keys(kind, document, now))
    asked = _QUERIES.get(word) if isinstance(word, str) else None
    if asked is None and isinstance(method, str):
        asked = _METHODS.get(method)
    if asked is None:
        raise MessageError(Refusal.UNKNOWN_MESSAGE, f"message_type {str(word)[:40]!r}")
    return Query(kind=asked, **read_keys(Query, document, now))


def _document(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_RECEIVED:
        raise MessageError(Refusal.TOO_LARGE, f"{len(raw)} octets, and {MAX_RECEIVED} is the most")
    try:
        document = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise MessageError(Refusal.NOT_JSON) from None
    if not isinstance(document, dict):
        raise MessageError(Refusal.NOT_AN_OBJECT)
    return document


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def encode(message: Message, room: int = MAX_OCTETS) -> bytes:
    """A message as octets, at most ``room`` of them; texts are cut where it would be longer.

    Raises `MessageError` if it cannot be made to fit.
    """
    return head(message, room) + tail(message.cookie)


def head(message: Message, room: int = MAX_OCTETS) -> bytes:
    """A message up to its cookie, short enough for any cookie: what the answers to many queries share."""
    room = min(room, MAX_OCTETS) - len(tail("")) - COOKIE_ROOM
    raw = _head(message)
    for name, least in _SHORTENED:
        if len(raw) <= room:
            break
        value = getattr(message, name, None)
        if value:
            shorter: dict[str, Any] = {name: _cut(value, len(raw) - room, least)}
            message = attrs.evolve(message, **shorter)
            raw = _head(message)
    if len(raw) > room:
        raise MessageError(Refusal.TOO_LONG_TO_SEND, f"its names take {len(raw) - room} octets too many")
    return raw


def tail(cookie: str) -> bytes:
    """The end of a message, with its cookie. Raises `MessageError` for a cookie that leaves no room."""
    shown = json.dumps(cookie).encode("ascii")
    if len(shown) > COOKIE_ROOM + 2:
        raise MessageError(Refusal.TOO_LONG_TO_SEND, f"the cookie takes {len(shown)} octets")
    return b'"cookie":%b}' % shown


def _head(message: Message) -> bytes:
    document = _first_keys(message) | written_keys(message)
    del document["cookie"]
    shown = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return shown[:-1].encode("ascii") + b","


def _first_keys(message: Message) -> dict[str, Any]:
    if not isinstance(message, Query):
        return {"message_type": message.message_type}
    first = {"message_type": f"{message.kind}_query"}
    return first | {"method": _SENT_METHODS[message.kind]} if message.kind in _SENT_METHODS else first


def _cut(text: str, excess: int, least: int) -> str:
    """The longest beginning of a text that is shorter by ``excess`` octets of JSON, but never under ``least``."""
    end = len(text)
    while end > least and excess > 0:
        end -= 1
        excess -= len(json.dumps(text[end])) - 2
    return text[:end]
