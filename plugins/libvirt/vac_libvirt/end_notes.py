"""What libvirt's event says of how a domain ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import libvirt

_NOTES: Final[Mapping[int, str]] = {
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN: "",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED: "it was destroyed",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED: "its operating system crashed",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED: "it was migrated to another host",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED: "it was saved to a file",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED: "its QEMU failed or was killed",
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT: "it was put back to a snapshot",
}
"""By the detail of libvirt's STOPPED event; a guest that shut down needs no note."""


def end_note(detail: int) -> str:
    """What is to be told of an end beside that it came."""
    return _NOTES.get(detail, f"libvirt gives the reason {detail}, which is not known here")
