"""Why a datagram is refused: a few fixed words, so that refusals can be counted, and a text that tells the rest."""

from __future__ import annotations

import enum


class Refusal(enum.StrEnum):
    """Reasons for refusing a datagram."""

    TOO_LARGE = "too large"
    NOT_JSON = "not JSON"
    NOT_AN_OBJECT = "not a JSON object"
    UNKNOWN_MESSAGE = "unknown kind of message"
    WRONG_VALUE = "missing or wrong value"
    TOO_LONG_TO_SEND = "cannot be made short enough to send"
    OTHER_SPACE = "another space"
    OTHER_FACTORY = "meant for another factory"
    UNKNOWN_COOKIE = "cookie not given to that factory"
    NOT_ASKED_FOR = "not asked for"
    STRANGER = "sender is not a factory of the space"
    TOO_MANY = "too many from one sender"
    OVERLOADED = "too many from all senders"
    UNSIGNED = "no signature"
    WRONG_SIGNATURE = "wrong signature"
    STALE = "signed too long ago, or in the future"
    REPLAYED = "replayed"


class MessageError(ValueError):
    """A datagram is refused, or a message cannot be sent; ``refusal`` is the reason's fixed word."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(f"{refusal}: {detail}" if detail else str(refusal))
        self.refusal = refusal
