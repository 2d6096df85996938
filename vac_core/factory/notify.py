"""Telling systemd how the daemon is, by the protocol of sd_notify(3); silent where nobody listens."""

from __future__ import annotations

import logging
import os
import re
import socket

_log = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Send a state such as ``READY=1`` to the service manager that started this process, if one did and listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto(state.encode(), address)
        except OSError as error:
            _log.warning("the service manager at $NOTIFY_SOCKET cannot be told: %s", error.strerror or error)


def watchdog_seconds() -> float | None:
    """How often the service manager wants to hear ``WATCHDOG=1``, halved for safety; None where it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not re.fullmatch("[1-9][0-9]{0,15}", microseconds):
        return None
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 2_000_000
