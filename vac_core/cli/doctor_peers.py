"""What ``vac doctor`` asks the space: who answers, and whether the clocks agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from vac_core.cli.findings import Finding, ok, problem, warning
from vac_core.vacquery.messages import FactoryStatus

if TYPE_CHECKING:
    from vac_core.factory.endpoint import Replies

_SKEW_SECONDS: Final = 5


def peers(replies: Replies, own: str, port: int) -> Iterator[Finding]:
    """Who of those asked answered; this factory itself is among them where it runs."""
    for name in replies.silent:
        if name in replies.unknown:
            yield problem(f"peer {name}", replies.unknown[name], "mend its name in factories, or the name service")
        else:
            yield warning(
                f"peer {name}",
                "no answer",
                f"see that its factory runs for this space and that UDP port {port} is open between the hosts",
            )
    others = [name for name in replies.statuses if name != own]
    if others:
        yield ok("peers", f"{len(others)} answered in {replies.seconds:.2f} s")


def clocks(statuses: Sequence[FactoryStatus], now: float) -> Iterator[Finding]:
    """Whether the other factories' clocks show what ours does, as decisions on backoff want it."""
    for one in statuses:
        ahead = one.time_sent - now
        if one.time_sent and abs(ahead) > _SKEW_SECONDS:
            found = f"its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"
            yield warning(
                f"peer {one.factory}", found, "synchronise both hosts' clocks, with chrony or systemd-timesyncd"
            )
