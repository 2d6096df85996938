"""Whom to ask: the factories of the site file, named as they name themselves."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from vac_core.config.read import Peer


def canonical(name: str, own: str) -> str:
    """A factory's full name: lower-cased, and with this factory's own domain if it has none, as in Vac 3."""
    domain = own.partition(".")[2]
    name = name.lower()
    return f"{name}.{domain}" if domain and "." not in name else name


def others(factories: Iterable[Peer], own: str) -> tuple[Peer, ...]:
    """The space's other factories, each once."""
    named = {canonical(peer.name, own): peer for peer in factories}
    return tuple(attrs.evolve(peer, name=name) for name, peer in named.items() if name != own)
