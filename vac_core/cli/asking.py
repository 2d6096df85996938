"""Asking the factories of the space over VacQuery, as ``vac machines`` and its like do."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from vac_core.cli.invocation import Invocation
from vac_core.config.read import Peer
from vac_core.config.schema import Settings
from vac_core.vacquery.peers import canonical

if TYPE_CHECKING:
    from vac_core.factory.endpoint import Replies

_LISTENS_ON_ALL: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognised here, not bound to


def own_name(settings: Settings) -> str:
    """This factory's name in VacQuery: the site's word for it, or the host's own name."""
    return settings.factory_name or platform.node().lower()


def peers_to_ask(settings: Settings, names: Sequence[str] = ()) -> tuple[Peer, ...]:
    """Whom to ask: the site's factories and this one, or those named, each by its full name.

    A short name gets this factory's domain and ``.`` is this factory, as in Vac 3. A factory that is named and that
    the site does not list is asked at its name.
    """
    own = own_name(settings)
    address = "127.0.0.1" if settings.vacquery_address in _LISTENS_ON_ALL else settings.vacquery_address
    known = {own: Peer(own, address)}
    for peer in settings.factories:
        name = canonical(peer.name, own)
        known[name] = Peer(name, peer.address if peer.address != peer.name else name, peer.port)
    if not names:
        return tuple(known[name] for name in sorted(known))
    wanted = dict.fromkeys(own if name == "." else canonical(name, own) for name in names)
    return tuple(known.get(name, Peer(name, name)) for name in wanted)


def ask(
    invocation: Invocation,
    kind: str,
    names: Sequence[str] = (),
    *,
    space: str | None = None,
    timeout: float | None = None,
) -> Replies:
    """Ask factories for ``kind`` (``factory``, ``machines`` or ``machinetypes``), within ``timeout`` seconds.

    Raises `Trouble` or `PluginError` where the site files or the space's key cannot be used.
    """
    from vac_core.factory.endpoint import Manner, query
    from vac_core.factory.endpoint.key import read_key

    settings = invocation.site.settings
    return asyncio.run(
        query(
            kind,
            peers_to_ask(settings, names),
            space=space or settings.vac_space,
            port=settings.vacquery_port,
            deadline=timeout or settings.udp_timeout_seconds,
            key=read_key(settings.vacquery_key_file),
            manner=Manner(require=settings.vacquery_auth == "require", source=settings.vacquery_address),
        )
    )


def silent_note(replies: Replies) -> Iterable[str]:
    """A line for each factory that did not answer, or not in full."""
    for name in replies.silent:
        yield f"{name}: no answer{f': {replies.unknown[name]}' if name in replies.unknown else ''}"
    for name in replies.partial:
        yield f"{name}: only a part of its answer came"
