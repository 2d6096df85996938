"""A virtual machine as a value becomes XML that libvirt takes, and that says what the value says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import attrs
import libvirt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from libvirt_guests import ID, guest, mark, new_id
from vac_libvirt.devices import bus_of, target_of
from vac_libvirt.domain import domain_xml
from vac_libvirt.guest import Boot
from vac_libvirt.mark import mark_of, read_mark
from vac_libvirt.options import PciAddress
from vac_libvirt.parts import Disk, Interface, Smbios
from vac_libvirt.weight import cpu_shares

GOLDEN = Path(__file__).with_name("golden")

FULL = guest(
    domain_type="kvm",
    cpu_mode="host-passthrough",
    nvram="/disks/nvram.fd",
    disks=(
        Disk(source="/disks/vda.qcow2", device="vda", format="qcow2", boot_order=1, backing="/images/a"),
        Disk(source="/dev/vg/scratch", device="vdb", block=True),
        Disk(source="/disks/seed.iso", device="hdc", cdrom=True),
    ),
    interfaces=(
        Interface(
            mac="56:4d:a9:fe:a9:01",
            network="vac_169.254.0.0",
            filter="vac-machine",
            filter_parameters=(("IP", "169.254.169.1"),),
            isolated=True,
        ),
        Interface(mac="56:4d:a9:fe:a9:02", bridge="br0"),
    ),
    smbios=Smbios(
        system={"product": "OpenStack Compute", "serial": "ds=nocloud"},
        chassis={"asset": "OpenStack Compute"},
        oem_strings=("io.systemd.credential:motd=hello",),
    ),
    hostdevs=(PciAddress(0, 0x3B, 0, 1),),
    hugepages=True,
    console_log="/machines/1/console.log",
)
KERNEL = guest(
    domain_type="qemu",
    cpu_mode="maximum",
    chipset="pc",
    boot=Boot(kernel="/k/vmlinuz", initrd="/k/initrd", cmdline="console=ttyS0 a=<b> 'c'"),
    disks=(Disk(source="/disks/seed.iso", device="hdc", cdrom=True),),
)


MEDIA = guest(
    domain_type="qemu",
    disks=(
        Disk(source="/disks/vda.qcow2", device="vda", format="qcow2", boot_order=1),
        Disk(source="/disks/floppy.img", device="fda", floppy=True),
        Disk(source="/disks/cdrom.iso", device="hdb", cdrom=True, read_only=True),
    ),
    hugepages=True,
    shared="/machines/1/shared",
)


@pytest.mark.parametrize(("name", "made"), [("full", FULL), ("kernel", KERNEL), ("media", MEDIA)])
def test_the_xml_is_as_it_was_looked_over(name: str, made: Any) -> None:
    assert domain_xml(made) + "\n" == (GOLDEN / f"{name}.xml").read_text("utf-8")


@pytest.mark.parametrize(
    "changes", [{}, {"cpu_mode": "EPYC"}, {"vnc": True}, {"chipset": "pc"}, {"nvram": "/n"}, {"cpu_shares": 10}]
)
@pytest.mark.parametrize("made", [FULL, KERNEL, MEDIA, guest()])
def test_it_keeps_to_libvirts_own_schema(driver: Any, made: Any, changes: dict[str, Any]) -> None:
    """Every form of it is checked by libvirt against its schema; its test driver knows but its own type of domain."""
    one = attrs.evolve(made, domain_type="test", hostdevs=(), hugepages=False, **changes)
    domain = driver.createXML(domain_xml(one), libvirt.VIR_DOMAIN_START_VALIDATE)
    try:
        assert (domain.UUIDString(), domain.name()) == (ID, one.name)
        assert mark_of(domain) == one.mark
    finally:
        domain.destroy()


@pytest.mark.parametrize(
    ("processors", "weight", "shares", "unified"),
    [(1, 100, None, None), (8, 100, None, None), (1, 1, 10, 1), (4, 1, 40, 4), (2, 200, 4096, 400)],
)
def test_weight_is_told_by_the_measure_of_the_hosts_cgroups(
    processors: int, weight: int, shares: int | None, unified: int | None
) -> None:
    assert cpu_shares(processors, weight, unified=False) == shares
    assert cpu_shares(processors, weight, unified=True) == unified


def test_no_weight_is_beyond_what_libvirt_takes() -> None:
    assert (cpu_shares(512, 10000, unified=False), cpu_shares(512, 10000, unified=True)) == (262144, 10000)


text = st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="￾￿"), min_size=1)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cmdline=text, serial=text, path=text, space=text, factory=text)
def test_no_text_breaks_out_of_its_place(cmdline: str, serial: str, path: str, space: str, factory: str) -> None:
    made = guest(
        mark=mark(space=space, factory=factory),
        boot=Boot(kernel="/k", cmdline=cmdline),
        smbios=Smbios(system={"serial": serial}),
        disks=(Disk(source=path, device="vda"),),
    )
    root = ET.fromstring(domain_xml(made))
    assert root.findtext("os/cmdline") == cmdline
    assert root.findtext("sysinfo/system/entry[@name='serial']") == serial
    assert [one.get("file") for one in root.iterfind("devices/disk/source")] == [path]
    metadata = root.find("metadata")
    assert metadata is not None
    assert read_mark(ET.tostring(metadata[0], encoding="unicode")) == made.mark


def test_text_that_xml_cannot_hold_is_refused_before_libvirt_sees_it() -> None:
    with pytest.raises(ValueError, match="take it out"):
        domain_xml(guest(boot=Boot(kernel="/k", cmdline="a\0b")))


@pytest.mark.parametrize(
    ("device", "chipset", "bus", "target"),
    [
        ("vda", "q35", "virtio", "vda"),
        ("sda", "pc", "sata", "sda"),
        ("hdc", "pc", "ide", "hdc"),
        ("hdc", "q35", "sata", "sdc"),
        ("fda", "q35", "fdc", "fda"),
    ],
)
def test_the_bus_goes_with_the_name(device: str, chipset: str, bus: str, target: str) -> None:
    assert (bus_of(device, chipset), target_of(device, chipset)) == (bus, target)


def test_the_uuid_of_domain_firmware_and_metadata_is_the_machines_id() -> None:
    machine_id = new_id()
    root = ET.fromstring(domain_xml(guest(machine_id=machine_id, smbios=Smbios(system={"uuid": "another"}))))
    assert root.findtext("uuid") == machine_id
    assert root.findtext("sysinfo/system/entry[@name='uuid']") == machine_id


def test_nothing_is_shown_by_vnc_unless_it_is_asked_for_and_then_on_loopback_alone() -> None:
    assert ET.fromstring(domain_xml(guest())).find("devices/graphics") is None
    graphics = ET.fromstring(domain_xml(guest(vnc=True))).find("devices/graphics")
    assert graphics is not None
    assert graphics.get("listen") == "127.0.0.1"


def test_confinement_is_left_to_libvirt() -> None:
    """No security label, no QEMU command line of our own: AppArmor, SELinux and QEMU's sandbox stay on."""
    root = ET.fromstring(domain_xml(FULL))
    assert root.find("seclabel") is None
    assert not [one for one in root.iter() if "commandline" in one.tag]
