"""What is made of a machine's media before there is a machine: images, the names of drives, and what is missing."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from vac_libvirt import media
from vac_libvirt.media import CDROM, FLOPPY, FLOPPY_SIZE, Carried, carry
from vac_libvirt.options import LibvirtMachine
from vac_libvirt.parts import Disk
from vac_libvirt.virtiofsd import why_no_directory_is_shared

from vac_core.interfaces import MachineTypeError, PluginError
from vac_core.testing import create_request, home, machinetype


@pytest.fixture
def carried(tmp_path: Path) -> Any:
    """What a machine with this context and these other disks is given."""

    def make(*devices: str, chipset: str = "q35", **context: Any) -> Carried:
        of_type = machinetype("vm", plugin_options={"libvirt": LibvirtMachine(chipset=chipset)})
        disks = tmp_path / "disks"
        disks.mkdir()
        others = [Disk(source="/x", device=device) for device in devices]
        return carry(create_request(home(tmp_path), None, of_type, **context), disks, others)

    return make


def test_a_machine_has_nothing_that_its_context_has_not(carried: Any, tmp_path: Path) -> None:
    assert carried() == Carried()
    assert list((tmp_path / "disks").iterdir()) == []


def test_a_floppy_is_as_large_as_its_drive_takes_and_nobody_else_s(carried: Any, tmp_path: Path) -> None:
    [disk] = carried(floppy=b"told").disks
    image = tmp_path / "disks" / FLOPPY
    assert (disk.source, disk.device, disk.floppy, disk.read_only) == (str(image), "fda", True, False)
    assert image.read_bytes() == b"told" + bytes(FLOPPY_SIZE - 4)
    assert stat.S_IMODE(image.stat().st_mode) == 0o600


def test_a_floppy_that_no_drive_takes_is_refused(carried: Any) -> None:
    with pytest.raises(MachineTypeError, match="make it smaller"):
        carried(floppy=bytes(FLOPPY_SIZE + 1))


@pytest.mark.parametrize(
    ("others", "chipset", "device"),
    [
        (("vda", "vdb", "vdz"), "q35", "hdb"),
        (("hda", "hdb", "hdd"), "pc", "hdc"),
        (("sda", "sdb", "hdd"), "q35", "hdc"),
        (("sda", "sdb", "hdd"), "pc", "hdb"),
        (("hdc", "vda", "vdb", "hdb"), "pc", "hda"),
    ],
)
def test_a_cd_has_a_drive_of_its_own(carried: Any, others: tuple[str, ...], chipset: str, device: str) -> None:
    [disk] = carried(*others, chipset=chipset, cdrom=b"an image").disks
    assert (disk.device, disk.cdrom, disk.read_only) == (device, True, True)


def test_a_cd_for_which_there_is_no_drive_left_is_told_of(carried: Any, tmp_path: Path) -> None:
    with pytest.raises(MachineTypeError, match="name its disks vda"):
        carried("hda", "hdb", "hdc", "hdd", cdrom=b"an image")
    assert not (tmp_path / "disks" / CDROM).exists()


def test_a_directory_is_shared_only_where_there_is_what_serves_it(
    carried: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "why_no_directory_is_shared", lambda: "there is no virtiofsd: install it")
    with pytest.raises(PluginError, match="install it"):
        carried(shared={})


def test_what_serves_it_is_found_by_its_description(tmp_path: Path) -> None:
    places = (tmp_path / "etc", tmp_path / "usr")
    assert "install virtiofsd" in why_no_directory_is_shared(places)
    places[1].mkdir()
    program = tmp_path / "virtiofsd"
    for told in ("{", "[]", '{"type": "gpu", "binary": "/bin/sh"}', json.dumps({"type": "fs", "binary": str(program)})):
        (places[1] / "50-any.json").write_text(told)
        assert "install virtiofsd" in why_no_directory_is_shared(places)
    program.touch()
    assert why_no_directory_is_shared(places) == ""
