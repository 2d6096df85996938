"""What can be seen of a network on the host itself, without asking libvirt, which is not told of it."""

from __future__ import annotations

import socket
from typing import Final

_DNS: Final = 53


class OnHost:
    """This host."""

    def has(self, address: str) -> bool:
        """Whether it has an IPv4 address: somebody may take one from a bridge."""
        return _bindable(socket.SOCK_DGRAM, address, 0)

    def is_served(self, address: str) -> bool:
        """Whether somebody answers DNS at an address of it: the server may have died."""
        return not _bindable(socket.SOCK_STREAM, address, _DNS)


def _bindable(kind: socket.SocketKind, address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
