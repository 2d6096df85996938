"""By what virtual machines run: KVM where it was seen to work, or emulation."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from vac_core.interfaces import PluginError
from vac_core.model import Health, HealthState

logger = logging.getLogger(__name__)

_WAIT_SECONDS: Final = 60.0
_DRIVERS: Final = {"TEST": "test"}
"""Drivers of libvirt that have one type of domain only."""


@attrs.frozen(kw_only=True)
class Finding:
    """What was found of KVM, and with which versions: others may do better or worse."""

    kernel: str
    qemu: int
    trouble: str
    """Why it cannot be used; empty where it can."""


class Accelerator:
    """Knows the type of the domains to make. ``wanted()`` is the site's ``virt_type`` as it is now."""

    def __init__(self, kept: Path, wanted: Callable[[], str]) -> None:
        self._kept = kept
        self._wanted = wanted
        self._known = threading.Event()
        self._only = ""
        self._finding: Finding | None = None

    def settle(self, libvirtd: Any, trial: Callable[[Any], str]) -> None:
        """Find out what there is, unless that is known already; ``trial`` says what is wrong with KVM."""
        self._only = _DRIVERS.get(libvirtd.getType().upper(), "")
        if not self._only and self._wanted() == "auto" and self._finding is None:
            self._finding = self._found(libvirtd, trial)
            if self._finding.trouble:
                logger.warning("KVM IS NOT USED, machines are emulated and slow: %s", self._finding.trouble)
        self._known.set()

    def _found(self, libvirtd: Any, trial: Callable[[Any], str]) -> Finding:
        kernel, qemu = os.uname().release, int(libvirtd.getVersion())
        kept = self._read()
        # What failed is tried again at each start: the host may only have been busy, or have been mended.
        if kept is not None and (kept.kernel, kept.qemu, kept.trouble) == (kernel, qemu, ""):
            return kept
        finding = Finding(kernel=kernel, qemu=qemu, trouble=trial(libvirtd))
        self._write(finding)
        return finding

    def domain_type(self) -> str:
        """``kvm``, ``qemu``, or ``test``; waits for a trial that is under way."""
        if not self._known.wait(_WAIT_SECONDS):
            raise PluginError("it is not known yet whether KVM works here: libvirt has not answered")
        if self._only:
            return self._only
        if (wanted := self._wanted()) != "auto":
            return wanted
        if self._finding is None:
            raise PluginError("it is not known yet whether KVM works here: it is tried within a minute")
        return "qemu" if self._finding.trouble else "kvm"

    def health(self) -> Health:
        """What was found, and how to have it better."""
        if self._only:
            return Health(found=f"libvirt's driver {self._only}: it makes no real machines")
        if self._wanted() == "qemu":
            return Health(found="machines are emulated, as virt_type says")
        if self._wanted() == "kvm":
            return Health(found="machines run under KVM, as virt_type says; it was not tried")
        if self._finding is None:
            return Health(HealthState.DEGRADED, "KVM has not been tried yet", "see that libvirt answers")
        if self._finding.trouble:
            mend = "turn on virtualisation in the firmware, load kvm_intel or kvm_amd, or accept it by virt_type = qemu"
            return Health(HealthState.DEGRADED, f"KVM cannot be used: {self._finding.trouble}", mend)
        return Health(found=f"KVM works with kernel {self._finding.kernel} and QEMU {_shown(self._finding.qemu)}")

    def _read(self) -> Finding | None:
        try:
            found = json.loads(self._kept.read_text("utf-8"))
            return Finding(kernel=str(found["kernel"]), qemu=int(found["qemu"]), trouble=str(found["trouble"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, finding: Finding) -> None:
        try:
            self._kept.write_text(json.dumps(attrs.asdict(finding)), "utf-8")
        except OSError as problem:
            logger.warning("%s: %s: KVM will be tried again at the next start", self._kept, problem.strerror)


def _shown(version: int) -> str:
    """libvirt's number for a version, as people write it."""
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
