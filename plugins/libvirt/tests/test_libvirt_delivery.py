"""What a virtual machine is handed: a private seed image, or the strings that make a guest ask the HTTP service."""

from __future__ import annotations

import os
import stat

import attrs
import pytest
from vac_libvirt.delivery import SEED, ContextDelivery
from vac_libvirt.options import LibvirtMachine, context_of

from vac_core.context import seed
from vac_core.context.delivery import DELIVERIES
from vac_core.interfaces import MachineTypeError, PluginError
from vac_core.testing import create_request, home, machine, machinetype

ONE = machine(1)


def of_type(name, model="vm-raw"):
    return machinetype(machine_model=model, plugin_options={"libvirt": LibvirtMachine(context=name)})


@pytest.fixture
def deliver(tmp_path):
    """A function that delivers a context in the way that is named."""
    disks = tmp_path / "disks"
    disks.mkdir()

    def by(name):
        request = create_request(home(tmp_path), ONE, of_type(name), user_data=b"#!/bin/sh\n")
        return ContextDelivery(lambda: True).deliver(request, disks)

    return by


@pytest.mark.parametrize(
    ("name", "label"), [("nocloud", b"cidata"), ("configdrive", b"config-2"), ("cernvm", b"config-2")]
)
def test_a_seed_image_is_a_disk_that_nobody_else_reads(deliver, tmp_path, name, label):
    before = os.umask(0)
    try:
        found = deliver(name)
    finally:
        os.umask(before)
    [disk] = found.disks
    path = tmp_path / "disks" / SEED
    assert disk.source == str(path)
    assert (disk.device, disk.read_only, disk.format, disk.boot_order) == ("vdz", True, "raw", None)
    assert path.read_bytes()[32808:32840].rstrip() == label
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert found.smbios.system == {}


def test_a_guest_without_virtio_gets_it_as_a_cd(tmp_path):
    kind = attrs.evolve(of_type("nocloud"), root_device="sda")
    request = create_request(home(tmp_path), ONE, kind, user_data=b"#!/bin/sh\n")
    [disk] = ContextDelivery(lambda: True).deliver(request, tmp_path).disks
    assert (disk.device, disk.cdrom, disk.read_only) == ("hdd", True, True)


@pytest.mark.parametrize(
    ("name", "strings"),
    [
        ("openstack", {"manufacturer": "OpenStack Foundation", "product": "OpenStack Compute"}),
        ("ec2", {"serial": ONE.id}),
        ("nocloud-net", {"serial": "ds=nocloud-net;s=http://169.254.169.254/nocloud/"}),
    ],
)
def test_over_http_a_guest_is_led_there_by_its_firmware(deliver, tmp_path, name, strings):
    found = deliver(name)
    assert (found.disks, dict(found.smbios.system)) == ((), strings)
    assert list((tmp_path / "disks").iterdir()) == []


def test_a_link_that_somebody_has_put_there_is_not_followed(deliver, tmp_path):
    (tmp_path / "disks" / SEED).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PluginError, match="the seed image cannot be written"):
        deliver("nocloud")
    assert not (tmp_path / "elsewhere").exists()


def test_a_context_that_is_too_large_is_the_machinetype_s_fault(deliver, monkeypatch):
    monkeypatch.setattr(seed, "SEED_MAX", 10)
    with pytest.raises(MachineTypeError, match="a seed image takes 10"):
        deliver("nocloud")


@pytest.mark.parametrize("name", sorted(DELIVERIES))
def test_metadata_over_http_need_a_network_with_the_service(name):
    assert list(ContextDelivery(lambda: True).check(of_type(name))) == []
    problems = list(ContextDelivery(lambda: False).check(of_type(name)))
    assert [problem.partition(" needs ")[0] for problem in problems] == (
        [f"context = {name}"] if DELIVERIES[name].over_http else []
    )


def test_where_nothing_is_said_cernvm_gets_its_own_way_and_others_a_nocloud_image():
    assert context_of(of_type(None, "cernvm4")) == "cernvm"
    assert context_of(of_type(None)) == context_of(of_type(None, "kernel")) == "nocloud"
