"""The addresses that this host has, as the kernel shows them: those that machines must not reach."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

_NET: Final = Path("/proc/thread-self/net")


def host_addresses(net: Path = _NET) -> tuple[IPv4Network | IPv6Network, ...]:
    """All of this host's addresses as subnets, mostly of one address, in order; those of the host to itself left out.

    Raises `OSError` and `ValueError` where the kernel shows something else than it does today.
    """
    ipv4 = {one for one in _local(net / "fib_trie") if not one.is_loopback}
    ipv6 = {one for one in _local6(net / "if_inet6") if not (one.is_loopback or one.is_link_local)}
    return (*sorted(ipv4), *sorted(ipv6))


def _local(fib_trie: Path) -> Iterator[IPv4Network]:
    """Addresses and prefixes of type ``LOCAL``: each stands below the leaf of its address."""
    leaf = ""
    for line in fib_trie.read_text("ascii").splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            leaf = words[1]
        elif words[1:] == ["host", "LOCAL"]:
            yield IPv4Network(f"{leaf}{words[0]}")


def _local6(if_inet6: Path) -> Iterator[IPv6Network]:
    """There is no such file on a host without IPv6."""
    for line in if_inet6.read_text("ascii").splitlines() if if_inet6.exists() else ():
        yield IPv6Network((int(line.split()[0], 16), 128))
