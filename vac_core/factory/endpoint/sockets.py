"""UDP sockets for VacQuery: what they are bound to, and buffers large enough for the answers of a whole space."""

from __future__ import annotations

import contextlib
import errno
import functools
import ipaddress
import socket
from typing import Final

from vac_core.interfaces import PluginError

RECEIVE_OCTETS: Final = 16 * 1024 * 1024
"""As large as Vac 3's. The kernel gives what it allows: all of it to a privileged process, else net.core.rmem_max."""

_SO_RCVBUFFORCE: Final = 33

_MENDS: Final = {
    errno.EACCES: "ports under 1024 need CAP_NET_BIND_SERVICE: run as root, or set vacquery_port above 1023",
    errno.EADDRINUSE: "another program has it, such as Vac 3 or a second factory: stop that, "
    "or set another vacquery_port or vacquery_address",
    errno.EADDRNOTAVAIL: "this host has no such address: mend vacquery_address",
}


@functools.lru_cache(maxsize=4096)
def plain_address(address: str) -> str:
    """An address as a peer is known by it: with no scope, and IPv4 as IPv4 where a socket serves both."""
    one = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(one, "ipv4_mapped", None)
    return str(mapped or one)


def specific(address: str) -> str:
    """An address if it is one of this host's; empty where it stands for all of them."""
    return "" if address in {"0.0.0.0", "::"} else address  # noqa: S104 - it is only compared


def listening(address: str, port: int) -> socket.socket:
    """A socket bound to an address of this host, or to all of them for an empty one; raises `PluginError`."""
    try:
        if address not in {"", "::"}:
            return _bound(address, port)
        try:
            return _bound("::", port, ipv4_too=True)
        except OSError as error:
            if error.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                raise
            return _bound("0.0.0.0", port)  # noqa: S104 - the factory answers its whole space
    except OSError as error:
        mend = _MENDS.get(error.errno or 0, "mend vacquery_address and vacquery_port in [settings]")
        raise PluginError(f"cannot listen on UDP {address or '*'} port {port}: {error.strerror}: {mend}") from error


def asking(family: socket.AddressFamily, source: str) -> socket.socket | None:
    """A socket to ask from, bound to ``source`` if that is not empty; None where the host lacks the family."""
    source = specific(source)
    try:
        if source and _family(source) is not family:
            return None
        return _bound(source or ("::" if family is socket.AF_INET6 else "0.0.0.0"), 0)  # noqa: S104 - only asks
    except OSError:
        return None


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _bound(address: str, port: int, *, ipv4_too: bool = False) -> socket.socket:
    family = _family(address)
    one = socket.socket(family, socket.SOCK_DGRAM)
    try:
        one.setblocking(False)
        if family is socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not ipv4_too))
        _enlarge(one)
        one.bind((address, port))
    except OSError:
        one.close()
        raise
    return one


def _enlarge(one: socket.socket) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_OCTETS)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, RECEIVE_OCTETS)
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_OCTETS)
