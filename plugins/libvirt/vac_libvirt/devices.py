"""The devices of a virtual machine, as elements of its domain's XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Final

from vac_core.powers import SHARED
from vac_libvirt.elements import add
from vac_libvirt.guest import Guest
from vac_libvirt.options import PciAddress
from vac_libvirt.parts import Disk, Interface

_RANDOM: Final = "/dev/urandom"
_AGENT: Final = "org.qemu.guest_agent.0"
_BALLOON_STATS_SECONDS: Final = 10


def add_devices(devices: ET.Element, guest: Guest) -> None:
    """All of them: nothing that a guest could need no use of, no screen unless asked for, no USB, no sound."""
    for disk in guest.disks:
        _add_disk(devices, disk, guest.chipset)
    if guest.shared:
        _add_shared(devices, guest.shared)
    add(devices, "controller", type="usb", model="none")
    for interface in guest.interfaces:
        _add_interface(devices, interface)
    _add_console(devices, guest.console_log)
    channel = add(devices, "channel", type="unix")
    add(channel, "target", type="virtio", name=_AGENT)
    _add_screen(devices, guest.vnc)
    for address in guest.hostdevs:
        _add_hostdev(devices, address)
    balloon = add(devices, "memballoon", model="virtio", autodeflate="on", freePageReporting="on")
    add(balloon, "stats", period=str(_BALLOON_STATS_SECONDS))
    add(add(devices, "rng", model="virtio"), "backend", text=_RANDOM, model="random")
    add(devices, "panic", model="isa")


def bus_of(device: str, chipset: str) -> str:
    """The bus that goes with a device's name; q35 boards have no IDE."""
    by_name = {"vd": "virtio", "sd": "sata", "hd": "sata" if chipset == "q35" else "ide", "fd": "fdc"}
    return by_name.get(device[:2], "virtio")


def target_of(device: str, chipset: str) -> str:
    """The name libvirt is given: on q35, hdc of old machinetypes is the SATA disk sdc."""
    return f"sd{device[2:]}" if device.startswith("hd") and bus_of(device, chipset) == "sata" else device


def _add_disk(devices: ET.Element, disk: Disk, chipset: str) -> None:
    kind = "cdrom" if disk.cdrom else "floppy" if disk.floppy else "disk"
    element = add(devices, "disk", type="block" if disk.block else "file", device=kind)
    # A machine's disks are thrown away with it: nothing is gained by waiting until they are safe on the platter.
    driver = {"name": "qemu", "type": disk.format, "cache": "unsafe"}
    if not disk.floppy:
        driver["error_policy"] = "report"
    if not disk.read_only and kind == "disk":
        driver["discard"] = "unmap"
    add(element, "driver", **driver)
    source = add(element, "source", **{"dev" if disk.block else "file": disk.source})
    if disk.shared:
        _leave_owner(source)
    if disk.backing:
        _add_backing(element, disk)
    add(element, "target", dev=target_of(disk.device, chipset), bus=bus_of(disk.device, chipset))
    if disk.read_only or disk.cdrom:
        add(element, "readonly")
    if disk.serial:
        add(element, "serial", text=disk.serial)
    if disk.boot_order is not None:
        add(element, "boot", order=str(disk.boot_order))


def _add_backing(element: ET.Element, disk: Disk) -> None:
    backing = add(element, "backingStore", type="file")
    add(backing, "format", type=disk.backing_format)
    _leave_owner(add(backing, "source", file=disk.backing))
    add(backing, "backingStore")  # nothing is behind it, and nobody is to look


def _leave_owner(source: ET.Element) -> None:
    add(source, "seclabel", model="dac", relabel="no")


def _add_shared(devices: ET.Element, directory: str) -> None:
    """What a guest's root leaves there stays in that directory: virtiofsd sees nothing else of the host's files."""
    element = add(devices, "filesystem", type="mount", accessmode="passthrough")
    add(element, "driver", type="virtiofs")
    add(add(element, "binary", xattr="off"), "sandbox", mode="namespace")
    add(element, "source", dir=directory)
    add(element, "target", dir=SHARED)


def _add_interface(devices: ET.Element, interface: Interface) -> None:
    element = add(devices, "interface", type="network" if interface.network else "bridge")
    add(element, "mac", address=interface.mac)
    if interface.network:
        add(element, "source", network=interface.network)
    else:
        add(element, "source", bridge=interface.bridge)
    add(element, "model", type="virtio")
    if interface.filter:
        reference = add(element, "filterref", filter=interface.filter)
        for name, value in interface.filter_parameters:
            add(reference, "parameter", name=name, value=value)
    if interface.isolated:
        add(element, "port", isolated="yes")
    add(element, "rom", enabled="no")


def _add_console(devices: ET.Element, log: str) -> None:
    serial = add(devices, "serial", type="pty")
    if log:
        add(serial, "log", file=log, append="off")
    add(serial, "target", port="0")


def _add_screen(devices: ET.Element, vnc: bool) -> None:
    if vnc:
        add(devices, "graphics", type="vnc", autoport="yes", listen="127.0.0.1")
    video = add(devices, "video")
    add(video, "model", type="vga" if vnc else "none")


def _add_hostdev(devices: ET.Element, address: PciAddress) -> None:
    element = add(devices, "hostdev", mode="subsystem", type="pci", managed="yes")
    parts = {"domain": f"0x{address.domain:04x}", "bus": f"0x{address.bus:02x}"}
    parts |= {"slot": f"0x{address.slot:02x}", "function": f"0x{address.function:x}"}
    add(add(element, "source"), "address", **parts)
