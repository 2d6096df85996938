"""The options of the ``libvirt`` hypervisor, in machinetypes and in [plugin libvirt].

What names a path, a device or a network of the host stands in the site's own files only: it has no ``pipe=True``.
"""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from vac_core.config.read import choice, matching, no_parent, optional, text, words, yes_no
from vac_core.config.schema import MachineType
from vac_core.context.delivery import DELIVERIES
from vac_core.options import OptionValueError, option
from vac_libvirt.network_options import NetworkOptions

OPTION_SET = "libvirt"

CERTIFICATES = Path("/etc/grid-security/certificates")
"""Where sites of the grid keep the certificates of the authorities that they believe."""

MODELS = frozenset({"vm-raw", "cernvm3", "cernvm4", "kernel"})

CONTEXTS = tuple(DELIVERIES)

_PCI = re.compile(r"(?:([0-9a-fA-F]{4}):)?([0-9a-fA-F]{2}):([0-1][0-9a-fA-F])\.([0-7])")
_EXTRA_DISK = re.compile(r"(?P<device>[a-z]{2,3}[a-z]):(?P<gb>[1-9][0-9]{0,5})")


@attrs.frozen(order=True)
class PciAddress:
    """Where a device is on the host's PCI bus."""

    domain: int
    bus: int
    slot: int
    function: int

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function}"


@attrs.frozen
class ExtraDisk:
    """An empty disk beside the root and the scratch disk."""

    device: str
    gb: int

    def __str__(self) -> str:
        return f"{self.device}:{self.gb}"


@attrs.frozen(order=True)
class DeviceGroup:
    """Devices that are lent together, such as a GPU and its audio function."""

    devices: tuple[PciAddress, ...]

    def __str__(self) -> str:
        return "+".join(str(device) for device in self.devices)


def device_groups(raw: str) -> tuple[DeviceGroup, ...]:
    """PCI devices such as ``0000:3b:00.0``, parted by spaces or commas; with ``+`` between those that go together."""
    groups = tuple(DeviceGroup(tuple(_pci_address(part) for part in word.split("+"))) for word in words(raw))
    devices = [device for group in groups for device in group.devices]
    if len(set(devices)) != len(devices):
        raise OptionValueError(f"'{raw}' names a device twice", "name each device once")
    return groups


def _pci_address(word: str) -> PciAddress:
    match = _PCI.fullmatch(word)
    if match is None:
        raise OptionValueError(f"'{word}' is no PCI address", "write one such as 0000:3b:00.0; lspci -D lists them")
    return PciAddress(*(int(part or "0", 16) for part in match.groups()))


def extra_disks(raw: str) -> tuple[ExtraDisk, ...]:
    """Disks as ``DEVICE:GIGABYTES``, parted by spaces or commas."""
    return tuple(_extra_disk(word) for word in words(raw))


def _extra_disk(word: str) -> ExtraDisk:
    match = _EXTRA_DISK.fullmatch(word)
    if match is None:
        raise OptionValueError(f"'{word}' is no extra disk", "write DEVICE:GIGABYTES, such as vdc:20")
    return ExtraDisk(match["device"], int(match["gb"]))


@attrs.frozen(kw_only=True)
class LibvirtMachine:
    """Virtual machines."""

    context: str | None = option(
        "How a machine gets its context: nocloud or configdrive for a seed image on a small disk, nocloud-net, "
        "openstack or ec2 for metadata over HTTP, cernvm for CernVM's boot loader. cernvm for the models cernvm3 and "
        "cernvm4 and nocloud for others where it is not set.",
        optional(choice(*CONTEXTS)),
        None,
        pipe=True,
    )
    firmware: str = option("What it boots by: bios or uefi.", choice("bios", "uefi"), "bios", pipe=True)
    chipset: str = option("Its board: q35, or pc for the older i440FX.", choice("q35", "pc"), "q35", pipe=True)
    cpu_mode: str = option(
        "Its processors: auto for the host's own under KVM and all that QEMU has under emulation, host-passthrough, "
        "host-model, maximum, or the name of one of QEMU's models.",
        matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "auto, host-passthrough, host-model, maximum or a model's name"),
        "auto",
    )
    hugepages: bool = option("Take its memory from the host's huge pages.", yes_no, False)
    hostdevs: tuple[DeviceGroup, ...] = option(
        "PCI devices of the host, such as 0000:3b:00.0: each is lent to one machine at a time, one to each machine. "
        "Devices that go together are joined: 0000:3b:00.0+0000:3b:00.1.",
        device_groups,
        (),
    )
    extra_disks: tuple[ExtraDisk, ...] = option(
        "Empty disks beside the scratch disk, DEVICE:GIGABYTES each, such as vdc:20.", extra_disks, ()
    )
    kernel: str | None = option(
        "Kernel that a machine of the model kernel boots: a file of the machinetype, a path or a URL.",
        optional(no_parent),
        None,
    )
    initrd: str | None = option(
        "Initial file system of that kernel: a file of the machinetype, a path or a URL.", optional(no_parent), None
    )
    cmdline: str = option("Command line of that kernel.", text, "console=ttyS0", pipe=True)
    vnc: bool = option("Show its screen by VNC, on this host's loopback address alone.", yes_no, False)


@attrs.frozen(kw_only=True)
class LibvirtPlugin(NetworkOptions):
    """The [plugin libvirt] section."""

    uri: str = option(
        "Which libvirt of this host: its connection URI. A change is taken up at the factory's next start.",
        matching(r"[a-z]+(\+unix)?:///\S*", "a URI of this host's libvirt, such as qemu:///system"),
        "qemu:///system",
    )
    virt_type: str = option(
        "kvm, or qemu for emulation; with auto, KVM is tried with a small guest at the factory's first start, and "
        "machines are emulated, slowly, where it cannot be used.",
        choice("auto", "kvm", "qemu"),
        "auto",
    )
    disk_directory: str = option(
        "Directory for machines' disks and for images; QEMU's user must be able to reach it, as it can those below "
        "/var/lib/libvirt/images.",
        matching(r"/[^\0]*", "an absolute path"),
        "/var/lib/libvirt/images/vac",
    )

    @property
    def machines_directory(self) -> Path:
        """Where each machine has a directory of its own, named by its id, for files that QEMU reads."""
        return Path(self.disk_directory) / "machines"


def machine_options(machinetype: MachineType) -> LibvirtMachine:
    """What a machinetype says of its virtual machines, or the defaults."""
    found = machinetype.plugin_options.get(OPTION_SET)
    return found if isinstance(found, LibvirtMachine) else LibvirtMachine()


def plugin_options(found: object) -> LibvirtPlugin:
    """What the [plugin libvirt] section says, or the defaults."""
    return found if isinstance(found, LibvirtPlugin) else LibvirtPlugin()


def context_of(machinetype: MachineType) -> str:
    """How its machines get their context."""
    given = machine_options(machinetype).context
    return given or ("cernvm" if machinetype.machine_model.startswith("cernvm") else "nocloud")
