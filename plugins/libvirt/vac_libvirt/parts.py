"""What the parts of a machine say to each other: its disks, interfaces and SMBIOS strings, as the domain takes them.

`vac_libvirt.hypervisor` calls the parts in this order to make a machine: network, disks, delivery, domain; and clears
them in the other. Each part leaves what it has not finished to its ``clear``, which is called for machines of which
nothing is there, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import attrs

from vac_core.config.schema import MachineType, Settings
from vac_core.interfaces import CreateRequest, Urls
from vac_core.model import Machine
from vac_core.powers import Resources


@attrs.frozen(kw_only=True)
class Disk:
    """A disk, CD-ROM or floppy disk of a machine.

    Its bus follows from the device's name: vd virtio, sd SATA, hd IDE (q35: SATA), fd a floppy controller.
    """

    source: str
    """Path of a file or, with ``block``, of a block device of the host."""
    device: str
    format: str = "raw"
    """``raw`` or ``qcow2``; never left to be guessed."""
    cdrom: bool = False
    floppy: bool = False
    read_only: bool = False
    block: bool = False
    boot_order: int | None = None
    """Its place in the order in which the firmware tries devices; None for not at all."""
    serial: str = ""
    backing: str = ""
    """Path of the image that a qcow2 disk stands on; empty for one that stands by itself."""
    backing_format: str = "raw"
    shared: bool = False
    """Whether other machines use the same file. Its owner stays as it is, as does that of a ``backing``: a machine's
    QEMU that owned it could write it."""


@attrs.frozen(kw_only=True)
class Interface:
    """A network interface: of a libvirt network, or of a bridge of the host."""

    mac: str
    network: str = ""
    bridge: str = ""
    filter: str = ""
    """Name of an nwfilter, or empty."""
    filter_parameters: tuple[tuple[str, str], ...] = ()
    isolated: bool = False
    """Kept from other isolated ports of the same bridge."""


@attrs.frozen(kw_only=True)
class Smbios:
    """Strings that a machine's firmware shows; the system uuid is always the machine's id.

    ``system``, ``chassis`` and ``base_board`` map libvirt's names of sysinfo entries (``manufacturer``, ``product``,
    ``serial``, ``asset`` ...) to values; ``oem_strings`` are those of type 11.
    """

    system: Mapping[str, str] = attrs.field(factory=dict)
    chassis: Mapping[str, str] = attrs.field(factory=dict)
    base_board: Mapping[str, str] = attrs.field(factory=dict)
    oem_strings: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Delivered:
    """How a machine will find its context."""

    disks: tuple[Disk, ...] = ()
    smbios: Smbios = attrs.field(factory=Smbios)
    cmdline: str = ""
    """What is added to the kernel's command line, of the model ``kernel``."""


@attrs.frozen(kw_only=True)
class Storage:
    """What a machine boots from and writes to."""

    disks: tuple[Disk, ...] = ()
    kernel: str = ""
    """Path of the kernel, of the model ``kernel``."""
    initrd: str = ""
    details: Mapping[str, str] = attrs.field(factory=dict)
    """What is kept with the machine in the journal, such as the image's digest."""


class Disks(Protocol):
    """Makes the disks of machines: overlays on cached images, volumes, sparse files."""

    def make(self, request: CreateRequest, directory: Path) -> Storage:
        """Make a machine's disks; ``directory`` is its own for files that QEMU reads, 0711, made before and removed
        after all by the hypervisor.

        Raises `MachineTypeError` where the machinetype is at fault, `PluginError` otherwise.
        """

    def clear(self, machine_id: str, directory: Path) -> None:
        """Take away what it had outside ``directory``, and let go of images; doing it again is no error."""

    def resources(self, machinetypes: Sequence[MachineType], settings: Settings) -> Resources:
        """Disk space that there is and that is needed, and images that are not here yet; quick."""

    def upkeep(self) -> None:
        """Called about once a minute: look after images, and clear what is old."""

    def close(self) -> None:
        """Break off what is under way in the background."""


class Network(Protocol):
    """Gives machines their interfaces, and keeps the network of their own in order."""

    trouble: str
    """What is wrong with it though machines can be made; empty for nothing."""

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with a machinetype's network, one message each; nothing is touched."""

    def ensure(self) -> None:
        """Make or mend what is needed; raises `PluginError` where another owns its name or addresses."""

    def interfaces(self, request: CreateRequest) -> Sequence[Interface]:
        """The machine's interfaces; their network is there when this returns. Raises `PluginError`."""

    def address_of(self, machine: Machine) -> str:
        """The address that a machine will have to itself; empty for none."""

    def urls(self) -> Urls | None:
        """Where machines find features and outputs, where they are known there by their addresses."""

    def service_addresses(self) -> Sequence[tuple[str, int]]:
        """Addresses and ports at which machines look for the factory's HTTP service."""

    def clear(self, machine_id: str) -> None:
        """Take away what was made for one machine alone; doing it again is no error."""


class Delivery(Protocol):
    """Hands a machine its context."""

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with how a machinetype's context is to be delivered, one message each."""

    def deliver(self, request: CreateRequest, directory: Path) -> Delivered:
        """Write the seed, 0600, into ``directory``, or say by which strings the machine finds the HTTP service.

        Raises `MachineTypeError` where the machinetype's user data cannot be delivered so.
        """
