"""What running domains use, from libvirt's bulk statistics: one call for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
import libvirt

GROUPS: Final = (
    libvirt.VIR_DOMAIN_STATS_STATE
    | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)
FLAGS: Final = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
"""NOWAIT: a domain on which some other call is at work gives less, and holds nobody up."""

_PAUSED: Final = frozenset({libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PMSUSPENDED})


@attrs.frozen(kw_only=True)
class Figures:
    """What a domain does and has used; octets, None where libvirt does not say."""

    paused: bool
    cpu_seconds: float | None = None
    rss_octets: int | None = None
    read_octets: int | None = None
    written_octets: int | None = None
    received_octets: int | None = None
    sent_octets: int | None = None

    def after(self, earlier: Figures | None) -> Figures:
        """These, with what they lack taken from earlier ones."""
        if earlier is None:
            return self
        lacking = [name for name, value in attrs.asdict(self).items() if value is None]
        return attrs.evolve(self, **{name: getattr(earlier, name) for name in lacking})

    def __str__(self) -> str:
        parts = {
            "s of CPU": None if self.cpu_seconds is None else f"{self.cpu_seconds:.1f}",
            "MiB of memory at the latest": _mib(self.rss_octets),
            "MiB read from disks": _mib(self.read_octets),
            "MiB written": _mib(self.written_octets),
            "MiB received": _mib(self.received_octets),
            "MiB sent": _mib(self.sent_octets),
        }
        return ", ".join(f"{figure} {what}" for what, figure in parts.items() if figure is not None)


def all_figures(connection: Any) -> list[tuple[Any, Figures]]:
    """Each running domain, ours or not, with its figures. Raises libvirtError."""
    return [(domain, read_figures(found)) for domain, found in connection.getAllDomainStats(GROUPS, FLAGS)]


def read_figures(found: Mapping[str, Any]) -> Figures:
    """The figures that matter here, from libvirt's names for them; the numbers of several devices are added up."""
    cpu = found.get("cpu.time")
    rss = found.get("balloon.rss")
    return Figures(
        paused=found.get("state.state") in _PAUSED,
        cpu_seconds=None if cpu is None else int(cpu) / 1e9,
        rss_octets=None if rss is None else int(rss) * 1024,
        read_octets=_sum(found, "block.", ".rd.bytes"),
        written_octets=_sum(found, "block.", ".wr.bytes"),
        received_octets=_sum(found, "net.", ".rx.bytes"),
        sent_octets=_sum(found, "net.", ".tx.bytes"),
    )


def _sum(found: Mapping[str, Any], start: str, end: str) -> int | None:
    each = [int(value) for name, value in found.items() if name.startswith(start) and name.endswith(end)]
    return sum(each) if each else None


def _mib(octets: int | None) -> str | None:
    return None if octets is None else f"{octets / 2**20:.1f}"
