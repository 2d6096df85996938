"""How much one sender, and all together, may have of the responder: token buckets, counted in datagrams."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

import attrs

from vac_core.vacquery.refusal import MessageError, Refusal

_IPV6_HOST_BITS: Final = 64


@attrs.frozen(kw_only=True)
class Limits:
    """Datagrams a second that may come from and go to one source, and all sources, and how many may come at once.

    One query may take as many datagrams as there are slots, so a source may take a thousand at once.
    """

    source_rate: float = 500.0
    source_burst: float = 2048.0
    sources: int = 10_000
    """Sources that are remembered; the one that was silent longest is forgotten first."""
    total_rate: float = 20_000.0
    total_burst: float = 40_000.0


@attrs.define
class _Bucket:
    left: float
    at: float

    def take(self, cost: float, now: float, rate: float, burst: float) -> bool:
        self.left = min(burst, self.left + max(0.0, now - self.at) * rate)
        self.at = now
        if self.left < cost:
            return False
        self.left -= cost
        return True


class Meter:
    """Keeps a bucket for each source and one for all; times are of a clock that only goes forward."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sources: OrderedDict[str, _Bucket] = OrderedDict()
        self._all = _Bucket(limits.total_burst, 0.0)

    def take(self, source: str, cost: float, now: float) -> None:
        """Let ``cost`` datagrams pass, or raise `MessageError`."""
        limits = self._limits
        if not self._bucket(source, now).take(cost, now, limits.source_rate, limits.source_burst):
            raise MessageError(Refusal.TOO_MANY, source)
        if not self._all.take(cost, now, limits.total_rate, limits.total_burst):
            raise MessageError(Refusal.OVERLOADED, source)

    def _bucket(self, source: str, now: float) -> _Bucket:
        host = _host(source)
        bucket = self._sources.get(host)
        if bucket is None:
            bucket = self._sources[host] = _Bucket(self._limits.source_burst, now)
            if len(self._sources) > self._limits.sources:
                self._sources.popitem(last=False)
        self._sources.move_to_end(host)
        return bucket


def _host(source: str) -> str:
    """What one sender is told by: an IPv4 address, or the network of an IPv6 host, which may have any number."""
    if ":" not in source:
        return source
    return str(ipaddress.IPv6Network((source.partition("%")[0], _IPV6_HOST_BITS), strict=False))
