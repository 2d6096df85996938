"""Readers: the text of an option becomes its value, or an `OptionValueError` that says what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from vac_core.options import OptionValueError

_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_PEER = re.compile(
    r"(?P<name>[^@:\s\[\]]+)(?:@(?P<address>\[[0-9A-Fa-f:.]+\]|[^@:\s\[\]]+))?(?::(?P<port>[0-9]{1,5}))?"
)
_HOST_PORT = re.compile(r"(?P<host>[a-z0-9.-]+):(?P<port>[0-9]{1,5})")
_PORT_MAX = 65535


@attrs.frozen
class Peer:
    """Another factory: its name in VacQuery, where its responder listens, and its port if not the usual one."""

    name: str
    address: str
    port: int | None = None


def text(raw: str) -> str:
    """The text as it is."""
    return raw


def words(raw: str) -> tuple[str, ...]:
    """Words parted by white space or commas."""
    return tuple(raw.replace(",", " ").split())


def yes_no(raw: str) -> bool:
    """``yes`` or ``no``, and the other words that ConfigParser takes for them."""
    if raw.strip().lower() in {"yes", "true", "on", "1"}:
        return True
    if raw.strip().lower() in {"no", "false", "off", "0"}:
        return False
    raise OptionValueError(f"'{raw}' is neither yes nor no", "write yes or no")


def integer(low: int | None = None, high: int | None = None) -> Callable[[str], int]:
    """A whole number within bounds."""

    def read(raw: str) -> int:
        try:
            value = int(raw.strip(), 10)
        except ValueError:
            raise OptionValueError(f"'{raw}' is not a whole number", f"write a number such as {low or 1}") from None
        _bounded(value, low, high)
        return value

    return read


def decimal(low: float | None = None, high: float | None = None) -> Callable[[str], float]:
    """A finite number within bounds."""

    def read(raw: str) -> float:
        try:
            value = float(raw.strip())
        except ValueError:
            raise OptionValueError(f"'{raw}' is not a number", f"write a number such as {low or 1.0}") from None
        if not math.isfinite(value):
            raise OptionValueError(f"'{raw}' is not a finite number", f"write a number such as {low or 1.0}")
        _bounded(value, low, high)
        return value

    return read


def _bounded(value: float, low: float | None, high: float | None) -> None:
    if low is not None and value < low:
        raise OptionValueError(f"{value} is too small", f"the least is {low}")
    if high is not None and value > high:
        raise OptionValueError(f"{value} is too large", f"the most is {high}")


def choice(*allowed: str) -> Callable[[str], str]:
    """One of a few words."""

    def read(raw: str) -> str:
        if raw.strip() not in allowed:
            raise OptionValueError(f"'{raw}' is not one of its words", f"write {' or '.join(allowed)}")
        return raw.strip()

    return read


def matching(pattern: str, what: str) -> Callable[[str], str]:
    """Text that matches a pattern; ``what`` names it for the error."""
    compiled = re.compile(pattern)

    def read(raw: str) -> str:
        if compiled.fullmatch(raw.strip()) is None:
            raise OptionValueError(f"'{raw}' cannot be read", f"write {what}")
        return raw.strip()

    return read


def host_name(raw: str) -> str:
    """A host name, lower-cased."""
    name = raw.strip().lower()
    if _HOST_NAME.fullmatch(name) is None:
        raise OptionValueError(f"'{raw}' is not a host name", "use letters, digits, hyphens and dots")
    return name


def peer_list(raw: str) -> tuple[Peer, ...]:
    """Factories: ``NAME``, ``NAME:PORT``, ``NAME@ADDRESS`` or ``NAME@ADDRESS:PORT``, parted by spaces or commas."""
    return tuple(_peer(word) for word in words(raw))


def _peer(word: str) -> Peer:
    match = _PEER.fullmatch(word)
    if match is None:
        raise OptionValueError(f"'{word}' is no factory", "write NAME, NAME:PORT, NAME@ADDRESS or NAME@ADDRESS:PORT")
    name = host_name(match["name"])
    address = (match["address"] or name).strip("[]")
    return Peer(name, address, _port(match["port"]) if match["port"] else None)


def host_ports(raw: str) -> tuple[tuple[str, int], ...]:
    """``HOST:PORT`` pairs, parted by spaces or commas."""
    return tuple(_host_port(word) for word in words(raw))


def _host_port(word: str) -> tuple[str, int]:
    match = _HOST_PORT.fullmatch(word)
    if match is None:
        raise OptionValueError(f"'{word}' is no server with a port", "write HOST:PORT, such as vacmon.example.org:8884")
    return match["host"], _port(match["port"])


def _port(digits: str) -> int:
    return integer(1, _PORT_MAX)(digits)


def optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """What ``read`` reads, or None for ``none`` or an empty text."""

    def read_optional(raw: str) -> Any:
        return None if raw.strip().lower() in {"", "none"} else read(raw)

    return read_optional


def proxy_name(raw: str) -> str | None:
    """What a user_data_proxy is made from: a name, ``yes`` for the usual one, or None for ``no``, as in Vac 3."""
    name = raw.strip()
    try:
        return "yes" if yes_no(name) else None
    except OptionValueError:
        return name if name.lower() not in {"", "none"} else None


def no_slash(raw: str) -> str:
    """A bare file name."""
    if "/" in raw or raw in {".", ".."}:
        raise OptionValueError(f"'{raw}' is no bare file name", "write a name with no '/'")
    return raw


def no_parent(raw: str) -> str:
    """A path or URL that does not climb with ``/../``."""
    if ".." in raw.split("/"):
        raise OptionValueError(f"'{raw}' climbs out of its directory", "write a path with no '..' in it")
    return raw


def shown(value: Any) -> str:
    """A value as one would write it in a site file; what the matching reader reads gives the value again."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Peer):
        return _shown_peer(value)
    if isinstance(value, tuple):
        pairs = (f"{one[0]}:{one[1]}" if isinstance(one, tuple) else shown(one) for one in value)
        return " ".join(pairs)
    if isinstance(value, Mapping):
        return " ".join(f"{key}={shown(one)}" for key, one in value.items())
    return str(value)


def _shown_peer(peer: Peer) -> str:
    address = f"[{peer.address}]" if ":" in peer.address else peer.address
    where = "" if peer.address == peer.name else f"@{address}"
    return f"{peer.name}{where}{f':{peer.port}' if peer.port else ''}"
