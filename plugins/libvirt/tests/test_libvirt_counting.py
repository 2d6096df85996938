"""Devices, huge pages and memory are counted before a machine is promised, and lent to one at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_libvirt.checking import faults
from vac_libvirt.counting import all_refused, host_resources, joined
from vac_libvirt.host import HostMemory, read_memory
from vac_libvirt.lending import absent, choose, lent
from vac_libvirt.looking_ahead import missing
from vac_libvirt.options import DeviceGroup, LibvirtMachine, PciAddress, device_groups, extra_disks
from vac_libvirt.record import Made, Records

from vac_core.config.schema import MachineType
from vac_core.interfaces import PluginError
from vac_core.options import OptionValueError
from vac_core.powers import Demand, Resources
from vac_core.testing.makers import machinetype, settings

GPUS = device_groups("0000:3b:00.0+0000:3b:00.1 0000:af:00.0")
MEMORY = HostMemory(total=64 * 2**30, page_size=2 * 2**20, pages=1024)


def of_type(name: str = "gpu", **options: Any) -> MachineType:
    core = {key: options.pop(key) for key in ("mb_per_processor", "min_processors") if key in options}
    return machinetype(name, machine_model="vm-raw", plugin_options={"libvirt": LibvirtMachine(**options)}, **core)


@pytest.fixture
def counted(tmp_path: Path) -> Callable[..., Resources]:
    """What is counted on a host that has the GPUs."""
    for group in GPUS:
        for device in group.devices:
            (tmp_path / str(device)).mkdir()

    def count(*types: MachineType, memory: HostMemory = MEMORY, taken: Any = ()) -> Resources:
        return host_resources(types, settings(), memory, taken, tmp_path)

    return count


def test_devices_that_go_together_are_one(counted: Any) -> None:
    found = counted(of_type(hostdevs=GPUS))
    name = "PCI devices 0000:3b:00.0+0000:3b:00.1 0000:af:00.0"
    assert found == Resources(capacity={name: 2}, demands={"gpu": {name: Demand(per_machine=1)}})


def test_a_machine_is_lent_what_no_other_has() -> None:
    first, second = GPUS
    assert choose(GPUS, ()) == (first,)
    assert choose(GPUS, {first.devices[1]}) == (second,)
    assert choose((), ()) == ()
    with pytest.raises(PluginError, match="all lent to machines: wait until one ends"):
        choose(GPUS, {first.devices[0], second.devices[0]})


def test_a_device_is_lent_until_its_machine_is_cleared_away(tmp_path: Path) -> None:
    records = Records(tmp_path)
    record = records.of("6f1d2c3b-4a59-4687-9abc-def012345678")
    assert record is not None
    record.begin()
    assert lent(records) == frozenset()
    record.write(Made(name="wn01-00", disk_directory="/d", lent=GPUS[:1]))
    assert lent(records) == set(GPUS[0].devices)
    record.remove()
    assert lent(records) == frozenset()


def test_a_machinetype_whose_devices_are_all_lent_says_so(counted: Any) -> None:
    taken = {device for group in GPUS for device in group.devices}
    assert "are all lent" in counted(of_type(hostdevs=GPUS), taken=taken).refusals["gpu"]


def test_huge_pages_are_counted_in_whole_pages(counted: Any) -> None:
    found = counted(of_type(hugepages=True, mb_per_processor=1023))
    assert found.capacity == {"huge pages of 2 MiB": 1024}
    assert found.demands == {"gpu": {"huge pages of 2 MiB": Demand(per_processor=512)}}


def test_without_huge_pages_there_is_a_mend(counted: Any) -> None:
    memory = HostMemory(total=2**36, page_size=2**21, pages=0)
    assert "vm.nr_hugepages" in counted(of_type(hugepages=True), memory=memory).refusals["gpu"]


def test_more_memory_than_the_host_has_is_refused(counted: Any) -> None:
    found = counted(of_type(mb_per_processor=10_000, min_processors=8), of_type("small"))
    assert set(found.refusals) == {"gpu"}
    assert "needs 80000 MiB of memory, and this host has 65536 MiB: lower" in found.refusals["gpu"]


def test_of_several_reasons_the_first_is_told() -> None:
    types = [of_type("a"), of_type("b")]
    both = joined(all_refused(types, "no libvirt"), Resources(refusals={"a": "no image"}, capacity={"disk": 1}))
    assert both == Resources(refusals={"a": "no libvirt", "b": "no libvirt"}, capacity={"disk": 1})
    assert all_refused(types, "") == Resources()


def test_memory_is_read_as_the_kernel_writes_it() -> None:
    text = "MemTotal:       24689184 kB\nMemFree: 1 kB\nHugePages_Total:       7\nHugepagesize:       2048 kB\n"
    assert read_memory(text) == HostMemory(total=24689184 * 1024, page_size=2**21, pages=7)
    assert read_memory("") == HostMemory(total=0, page_size=0, pages=0)


def test_a_device_that_the_host_lacks_is_told_of_and_no_machine_promised(tmp_path: Path) -> None:
    (tmp_path / "0000:3b:00.0").mkdir()
    assert absent(GPUS, tmp_path) == [PciAddress(0, 0x3B, 0, 1), PciAddress(0, 0xAF, 0, 0)]
    found = host_resources([of_type(hostdevs=GPUS)], settings(), MEMORY, (), tmp_path)
    assert found.refusals["gpu"].startswith("hostdevs: this host has no PCI device 0000:3b:00.1, 0000:af:00.0: lspci")


def test_what_is_missing_is_told_before_a_machine_is_made(tmp_path: Path) -> None:
    (tmp_path / "vmlinuz").touch()
    one = of_type(kernel=str(tmp_path / "vmlinuz"), initrd=str(tmp_path / "initrd"))
    told = list(missing(attrs.evolve(one, machine_model="kernel", root_image="https://repo.example.org/image")))
    assert told == [f"initrd: {tmp_path / 'initrd'} is not there, or no file: put the file there, or mend the name"]


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({"root_device": "../vda"}, {}, "root_device = ../vda is no name of a disk"),
        ({"scratch_device": "xvdb"}, {}, "scratch_device = xvdb is no name of a disk"),
        ({"machine_model": "cernvm4"}, {"firmware": "uefi"}, "boots by BIOS only"),
        ({"machine_model": "vm-raw"}, {"context": "cernvm"}, "only CernVM's images look for it"),
    ],
)
def test_options_that_do_not_go_together_are_faults(changes: Any, options: Any, said: str) -> None:
    one = machinetype(plugin_options={"libvirt": LibvirtMachine(**options)}, **changes)
    assert said in "\n".join(faults(one))


addresses = st.builds(PciAddress, st.integers(0, 0xFFFF), st.integers(0, 0xFF), st.integers(0, 0x1F), st.integers(0, 7))


@given(st.lists(addresses, unique=True, max_size=6))
def test_devices_are_read_as_they_are_written(devices: list[PciAddress]) -> None:
    groups = tuple(DeviceGroup((one,)) for one in devices[2:])
    groups += (DeviceGroup(tuple(devices[:2])),) if devices[:2] else ()
    assert device_groups(" ".join(str(group) for group in groups)) == groups


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_mend(raw: str) -> None:
    for read in (device_groups, extra_disks):
        try:
            read(raw)
        except OptionValueError as error:
            assert error.mend  # noqa: PT017 - either is right


def test_a_device_that_is_named_twice_is_refused() -> None:
    with pytest.raises(OptionValueError, match="twice"):
        device_groups("0000:3b:00.0 3b:00.0")
