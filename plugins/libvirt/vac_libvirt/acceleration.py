"""By what virtual machines run: KVM, where it was seen to work, or emulation."""

from __future__ import annotations

import attrs


@attrs.frozen
class Acceleration:
    """What was found."""

    domain_type: str
    found: str


class Accelerator:
    """Knows the type of domains to make."""

    def domain_type(self) -> str:
        """``kvm``, ``qemu``, or ``test``."""
        return "qemu"
