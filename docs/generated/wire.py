"""The page of VacQuery's messages, made from the classes that read and write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs

from vac_core.vacquery.queries import VACQUERY_VERSION, Query, QueryKind
from vac_core.vacquery.signing import LEAST_KEY_OCTETS, LIFE_SECONDS
from vac_core.vacquery.statuses import FactoryStatus, MachineStatus, MachinetypeStatus, NoStatus, StatusChanged
from vac_core.vacquery.wire import keys_of

STATUSES: Final[tuple[type[Any], ...]] = (FactoryStatus, MachineStatus, MachinetypeStatus, NoStatus, StatusChanged)

_BEGINNING: Final = f"""\
# VacQuery on the wire

One JSON object in one UDP datagram, of at most 1452 octets, so that it fits an Ethernet frame over IPv6 as well. A
query goes to the factory's `vacquery_port`; each status of the answer goes back to the address and port that asked. The
version is "{VACQUERY_VERSION}". Times are whole Unix seconds.

A message that does not fit has its `shutdown_message` cut, then `os_issue` and `kernel_version`. Keys in the column
"also as" are sent with the same value, for consumers that know only the older name, and are read where the key itself
is not there. Keys that are marked New are not known to Vac 3, which ignores them.

## Signatures

Where the site has a `vacquery_key_file`, three keys stand at a message's end: `signed_at` (Unix seconds), `nonce` (16
hexadecimal digits) and `hmac`: HMAC-SHA256 in hexadecimal digits, by the shared key of at least {LEAST_KEY_OCTETS}
octets, over all octets before `,"hmac"`. A signature is good for {LIFE_SECONDS} seconds, and once.
"""


def page() -> str:
    """All messages and their keys in Markdown."""
    kinds = ", ".join(f"`{kind}_query`" for kind in QueryKind)
    lines = [_BEGINNING, "## Queries", "", f"`message_type` is one of {kinds}.", "", *_table(Query)]
    for status in STATUSES:
        first = (status.__doc__ or "").partition("\n\n")[0]
        lines += ["", f"## {status.message_type}", "", first, "", *_table(status)]
    return "\n".join([*lines, ""])


def _table(message: type[Any]) -> Iterator[str]:
    yield "| key | also as | what it is | without it |"
    yield "|---|---|---|---|"
    for name, (about, default) in keys_of(message).items():
        aliases = ", ".join(f"`{alias}`" for alias in about.aliases)
        kind = f"{about.doc} ({about.kind.name})"
        yield f"| `{name}` | {aliases} | {kind} | {_absent(required=about.required, default=default)} |"


def _absent(*, required: bool, default: Any) -> str:
    if required:
        return "refused"
    if default is None:
        return "not known"
    value = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
    return f"`{value}`" if value != "" else "empty"
