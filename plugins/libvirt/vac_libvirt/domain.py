"""A virtual machine's domain XML (https://libvirt.org/formatdomain.html), built from its value."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Final

from vac_libvirt.devices import add_devices
from vac_libvirt.elements import add
from vac_libvirt.guest import Guest

_KIB: Final = 1024


def domain_xml(guest: Guest) -> str:
    """The whole XML."""
    domain = ET.Element("domain", type=guest.domain_type)
    add(domain, "name", text=guest.name)
    add(domain, "uuid", text=guest.machine_id)
    add(domain, "metadata").append(guest.mark.element())
    add(domain, "memory", text=str(guest.memory_bytes // _KIB), unit="KiB")
    _add_memory_backing(domain, guest)
    add(domain, "vcpu", text=str(guest.processors), placement="static")
    if guest.cpu_shares is not None:
        add(add(domain, "cputune"), "shares", text=str(guest.cpu_shares))
    _add_sysinfo(domain, guest)
    _add_os(domain, guest)
    features = add(domain, "features")
    for name in ("acpi", "apic"):
        add(features, name)
    _add_cpu(domain, guest)
    _add_clock(domain, guest)
    # A machine that ends by itself in any way is over: what comes next is the factory's decision.
    for event in ("on_poweroff", "on_reboot", "on_crash"):
        add(domain, event, text="destroy")
    pm = add(domain, "pm")
    for way in ("suspend-to-mem", "suspend-to-disk"):
        add(pm, way, enabled="no")
    add_devices(add(domain, "devices"), guest)
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode")


def _add_memory_backing(domain: ET.Element, guest: Guest) -> None:
    if not guest.hugepages and not guest.shared:
        return
    backing = add(domain, "memoryBacking")
    if guest.hugepages:
        add(backing, "hugepages")
    if guest.shared:  # virtiofsd reads and writes the guest's memory itself
        add(backing, "source", type="memfd")
        add(backing, "access", mode="shared")


def _add_sysinfo(domain: ET.Element, guest: Guest) -> None:
    sysinfo = add(domain, "sysinfo", type="smbios")
    blocks: dict[str, Mapping[str, str]] = {
        "system": {**guest.smbios.system, "uuid": guest.machine_id},
        "baseBoard": guest.smbios.base_board,
        "chassis": guest.smbios.chassis,
    }
    for block, entries in blocks.items():
        if entries:
            parent = add(sysinfo, block)
            for name, value in entries.items():
                add(parent, "entry", text=value, name=name)
    if guest.smbios.oem_strings:
        parent = add(sysinfo, "oemStrings")
        for value in guest.smbios.oem_strings:
            add(parent, "entry", text=value)


def _add_os(domain: ET.Element, guest: Guest) -> None:
    chosen_by = {"firmware": "efi"} if guest.nvram else {}
    os = add(domain, "os", **chosen_by)
    add(os, "type", text="hvm", arch="x86_64", machine=guest.chipset)
    if guest.nvram:
        firmware = add(os, "firmware")
        for feature in ("secure-boot", "enrolled-keys"):
            add(firmware, "feature", enabled="no", name=feature)
        add(os, "nvram", text=guest.nvram)
    if guest.boot is not None:
        for name in ("kernel", "initrd", "cmdline"):
            if value := getattr(guest.boot, name):
                add(os, name, text=value)
    add(os, "smbios", mode="sysinfo")


def _add_cpu(domain: ET.Element, guest: Guest) -> None:
    if not guest.cpu_mode:
        return
    if guest.cpu_mode in {"host-passthrough", "host-model", "maximum"}:
        cpu = add(domain, "cpu", mode=guest.cpu_mode, check="none")
    else:
        cpu = add(domain, "cpu", mode="custom", match="exact", check="none")
        add(cpu, "model", text=guest.cpu_mode, fallback="forbid")
    add(cpu, "topology", sockets="1", dies="1", cores=str(guest.processors), threads="1")


def _add_clock(domain: ET.Element, guest: Guest) -> None:
    clock = add(domain, "clock", offset="utc")
    if guest.domain_type == "kvm":
        add(clock, "timer", name="rtc", tickpolicy="catchup")
        add(clock, "timer", name="pit", tickpolicy="delay")
        add(clock, "timer", name="hpet", present="no")
