"""How one key of a VacQuery message is declared, and the kinds of values that keys have.

The messages are attrs classes whose fields are made with `key`. One declaration serves reading, writing and the
documentation. Everything that is read was written by somebody else: it is checked for its type, and clamped to a range
that makes sense, before anything is done with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from vac_core.vacquery.refusal import MessageError, Refusal

METADATA_KEY = "vacquery"
MOST_MESSAGES: Final = 1024
"""Most messages of one answer: what a peer says beyond it is clamped, so that nobody is asked for ever."""

_COUNT_MAX: Final = 2**63 - 1
_AMOUNT_MAX: Final = 1e12
_TEXT_MAX: Final = 1024
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,253}")
_COOKIE = re.compile(r"[ -~]{0,128}")


@attrs.frozen
class Kind:
    """A kind of value: ``read`` makes it of what JSON held at a time ``now``, or raises ValueError."""

    name: str
    read: Callable[[Any, float], Any]
    write: Callable[[Any], Any]


@attrs.frozen
class Key:
    """One key: its kind, further names it is sent and read under, and whether a message without it is refused."""

    doc: str
    kind: Kind
    aliases: tuple[str, ...] = ()
    required: bool = False
    omitted_if_empty: bool = False


def key(doc: str, kind: Kind, default: Any = attrs.NOTHING, **about: Any) -> Any:
    """Declare one key of a message. Without ``default`` it is required. ``about`` takes the further fields of `Key`."""
    described = Key(doc, kind, required=default is attrs.NOTHING, **about)
    return attrs.field(default=default, metadata={METADATA_KEY: described})


_DECLARED: dict[type[Any], Mapping[str, tuple[Key, Any]]] = {}


def keys_of(message: type[Any]) -> Mapping[str, tuple[Key, Any]]:
    """Each key of a kind of message by name, with its default (`attrs.NOTHING` where it is required)."""
    if message not in _DECLARED:
        _DECLARED[message] = {
            field.name: (field.metadata[METADATA_KEY], field.default)
            for field in attrs.fields(message)
            if METADATA_KEY in field.metadata
        }
    return _DECLARED[message]


def read_keys(message: type[Any], document: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The values of a received message; raises `MessageError` that names the key at fault."""
    values: dict[str, Any] = {}
    for name, (about, default) in keys_of(message).items():
        raw = document.get(name)
        if raw is None:
            raw = next((document[alias] for alias in about.aliases if document.get(alias) is not None), None)
        if raw is None and not about.required:
            values[name] = default
            continue
        try:
            values[name] = about.kind.read(raw, now)
        except ValueError:
            raise MessageError(Refusal.WRONG_VALUE, f"{name} of {message.__name__} is not {about.kind.name}") from None
    return values


def written_keys(message: Any) -> dict[str, Any]:
    """A message's keys and aliases with their values, as JSON is to have them."""
    document: dict[str, Any] = {}
    for name, (about, _) in keys_of(type(message)).items():
        value = getattr(message, name)
        if about.omitted_if_empty and value in (None, ""):
            continue
        document |= dict.fromkeys((name, *about.aliases), None if value is None else about.kind.write(value))
    return document


def _number(raw: Any) -> float:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return min(max(raw, 0), _COUNT_MAX)
    if isinstance(raw, float) and math.isfinite(raw):
        return max(raw, 0.0)
    raise ValueError


def _read_count(raw: Any, now: float) -> int:
    del now
    return int(min(_number(raw), _COUNT_MAX))


def _read_messages(raw: Any, now: float) -> int:
    return min(max(_read_count(raw, now), 1), MOST_MESSAGES)


def _read_amount(raw: Any, now: float) -> float:
    del now
    return float(min(_number(raw), _AMOUNT_MAX))


def _read_moment(raw: Any, now: float) -> int:
    latest = _COUNT_MAX if math.isinf(now) else math.floor(now)
    return int(min(_number(raw), latest))


def _read_text(raw: Any, now: float) -> str:
    del now
    if not isinstance(raw, str):
        raise ValueError  # noqa: TRY004 - the reader of the message turns it into a refusal
    text = raw[:_TEXT_MAX]
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def _matching(pattern: re.Pattern[str]) -> Callable[[Any, float], str]:
    def read(raw: Any, now: float) -> str:
        del now
        if not isinstance(raw, str) or pattern.fullmatch(raw) is None:
            raise ValueError
        return raw

    return read


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else 0.0


NAME: Final = Kind("a name of letters, digits, dots, hyphens and underscores", _matching(_NAME), str)
COOKIE: Final = Kind("a printable text of at most 128 characters", _matching(_COOKIE), str)
TEXT: Final = Kind("a text", _read_text, str)
COUNT: Final = Kind("a whole number", _read_count, int)
MESSAGES: Final = Kind("a number of messages", _read_messages, int)
AMOUNT: Final = Kind("a finite number", _read_amount, _finite)
MOMENT: Final = Kind("a time in Unix seconds", _read_moment, int)
