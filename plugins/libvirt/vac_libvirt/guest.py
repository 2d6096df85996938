"""A virtual machine as a value: all that its domain's XML is built from."""

from __future__ import annotations

import attrs

from vac_libvirt.mark import Mark
from vac_libvirt.options import PciAddress
from vac_libvirt.parts import Disk, Interface, Smbios


@attrs.frozen(kw_only=True)
class Boot:
    """A kernel that is booted directly."""

    kernel: str
    initrd: str = ""
    cmdline: str = ""


@attrs.frozen(kw_only=True)
class Guest:
    """One virtual machine."""

    machine_id: str
    """Its UUID: of the domain, of its firmware's system table, and of its metadata."""
    name: str
    mark: Mark
    domain_type: str
    """``kvm``, ``qemu``, or ``test`` for libvirt's test driver."""
    memory_bytes: int
    processors: int
    cpu_shares: int | None = None
    """What it weighs when processors are short, by the measure of this host's cgroups; None for as much as others."""
    cpu_mode: str = ""
    """``host-passthrough``, ``host-model``, ``maximum`` or a model's name; empty for what the hypervisor takes."""
    chipset: str = "q35"
    nvram: str = ""
    """Where its UEFI variables are kept; empty for a machine that boots by BIOS."""
    boot: Boot | None = None
    """None where it boots from its disks."""
    disks: tuple[Disk, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    smbios: Smbios = attrs.field(factory=Smbios)
    hostdevs: tuple[PciAddress, ...] = ()
    hugepages: bool = False
    vnc: bool = False
    shared: str = ""
    """Directory of the host that it mounts by the tag ``shared``; empty for none."""
    console_log: str = ""
    """File to which its serial console is written, by virtlogd, which limits its size; empty for none."""
