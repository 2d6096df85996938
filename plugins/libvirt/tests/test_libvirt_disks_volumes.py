"""LVM volumes, against commands that answer as lvm2 2.03.16 was recorded to: no device-mapper is needed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_libvirt.disks_volumes import Group, Volume, Volumes, run, volume_size

from vac_core.interfaces import PluginError

EXTENT = 4_194_304
SLOT = "wn01-00.example.org"
ID, OTHER_ID = "7f0c0b5e-0000-4000-8000-000000000001", "7f0c0b5e-0000-4000-8000-000000000002"


class FakeLvm:
    """A volume group of 63 extents named ``vac``."""

    def __init__(self) -> None:
        self.volumes: dict[str, tuple[int, str]] = {}
        self.said: list[Sequence[str]] = []
        self.breaks = ""

    def __call__(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.said.append(words)
        if self.breaks == words[0]:
            return subprocess.CompletedProcess(words, 5, "", "  /dev/sdb: read failed: Input/output error\n")
        answer = getattr(self, words[0])(list(words))
        return subprocess.CompletedProcess(words, 0, answer, "")

    def vgs(self, words: list[str]) -> str:
        if words[-1] == "vg_name":
            return self.report("vg", [{"vg_name": "system"}, {"vg_name": "vac"}])
        return self.report("vg", [{"vg_size": str(63 * EXTENT), "vg_extent_size": str(EXTENT)}])

    def lvs(self, words: list[str]) -> str:
        found = [
            {"lv_name": name, "lv_size": str(extents * EXTENT), "lv_tags": tags}
            for name, (extents, tags) in self.volumes.items()
        ]
        return self.report("lv", found)

    def lvcreate(self, words: list[str]) -> str:
        said = {words[at]: words[at + 1] for at in range(len(words) - 1)}
        assert said["--name"] not in self.volumes
        assert words[-1] == "vac"
        self.volumes[said["--name"]] = (int(said["--extents"]), said["--addtag"])
        return ""

    def lvremove(self, words: list[str]) -> str:
        group, _, name = words[-1].partition("/")
        assert group == "vac"
        del self.volumes[name]
        return ""

    @staticmethod
    def report(kind: str, found: list[dict[str, str]]) -> str:
        return json.dumps({"report": [{kind: found}]}, indent=4)


@pytest.fixture
def lvm() -> FakeLvm:
    return FakeLvm()


@pytest.fixture
def volumes(lvm: FakeLvm) -> Volumes:
    return Volumes("vac", lvm)


def test_a_machines_volume_is_named_as_its_slot_and_found_again_by_its_id(lvm: FakeLvm, volumes: Volumes) -> None:
    assert volumes.make(ID, SLOT, 2, 8) == f"/dev/vac/{SLOT}"
    assert lvm.volumes == {SLOT: (63 * 2 // 8, f"vac_machine={ID}")}
    Volumes("vac", lvm).remove(ID)
    assert lvm.volumes == {}
    volumes.remove(ID)


def test_volumes_that_are_not_ours_take_their_part_and_are_left_alone(lvm: FakeLvm, volumes: Volumes) -> None:
    lvm.volumes = {"home": (31, ""), SLOT: (5, "backup,x")}
    with pytest.raises(PluginError, match=f"the volume vac/{SLOT} is there already and is not a machine's"):
        volumes.make(ID, SLOT, 1, 4)
    volumes.make(ID, "wn01-01.example.org", 1, 4)
    assert lvm.volumes["wn01-01.example.org"][0] == (63 - 31 - 5) // 4
    volumes.remove(OTHER_ID)
    assert len(lvm.volumes) == 3


def test_another_machines_volume_of_the_same_name_is_not_taken(lvm: FakeLvm, volumes: Volumes) -> None:
    volumes.make(OTHER_ID, SLOT, 1, 4)
    with pytest.raises(PluginError, match=f"is of machine {OTHER_ID}: it is left alone"):
        volumes.make(ID, SLOT, 1, 4)


def test_a_group_without_room_makes_no_empty_volume(lvm: FakeLvm, volumes: Volumes) -> None:
    lvm.volumes = {"home": (63, "")}
    with pytest.raises(PluginError, match="the volume group vac has no room for machines"):
        volumes.make(ID, SLOT, 1, 4)


def test_there_is_a_group_or_not(lvm: FakeLvm) -> None:
    assert Volumes("vac", lvm).exists()
    assert not Volumes("vac_volume_group", lvm).exists()
    assert not Volumes("", lvm).exists()
    Volumes("vac_volume_group", lvm).remove(ID)
    assert not any("lvremove" in words for words in lvm.said)


def test_a_host_without_lvm_has_no_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not Volumes("vac").exists()


def test_a_factory_that_is_not_root_has_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert not Volumes("vac").exists()
    with pytest.raises(PluginError, match="only root may use LVM"):
        Volumes("vac").make(ID, SLOT, 1, 4)


def test_a_disk_of_lvm_that_fails_is_told_and_no_volume_forgotten(lvm: FakeLvm, volumes: Volumes) -> None:
    volumes.make(ID, SLOT, 1, 4)
    for command in ("vgs", "lvs", "lvremove"):
        lvm.breaks = command
        with pytest.raises(PluginError, match=f"{command} failed for vac: /dev/sdb: read failed: Input/output error"):
            volumes.remove(ID)
    assert len(lvm.volumes) == 1


def test_commands_that_hang_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("vac_libvirt.disks_volumes._SECONDS", 0.05)
    with pytest.raises(PluginError, match="sleep did not end within"):
        run(["sleep", "600"])


@given(
    st.integers(1, 10**6),
    st.lists(st.integers(0, 10**5), max_size=5),
    st.lists(st.integers(1, 16), min_size=1, max_size=64),
)
def test_machines_of_all_processors_fit_beside_the_volumes_of_others(
    extents: int, others: list[int], machines: list[int]
) -> None:
    taken = tuple(Volume(name=str(at), size=one * EXTENT, machine_id=None) for at, one in enumerate(others))
    group = Group(size=extents * EXTENT, extent=EXTENT, volumes=taken)
    sizes = [volume_size(group, one, sum(machines)) for one in machines]
    assert all(size % EXTENT == 0 for size in sizes)
    assert sum(sizes) + sum(one.size for one in taken) <= max(group.size, sum(one.size for one in taken))
