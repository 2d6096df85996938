"""Where machines' limits are set, in cgroups of version 2 and of version 1, whatever shows them."""

from pathlib import Path

import pytest

from vac_core.supervision.cgroup import Cgroup, _legacy_parent
from vac_core.supervision.limits import Limits

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime shared:9 - cgroup cgroup rw,cpuset
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
IN_A_CONTAINER = HYBRID.replace("0:32 / ", "0:32 /docker/0123 ")
OWN = (
    "9:cpu,cpuacct:/system.slice/vacd.service\n4:memory:/docker/0123/vacd\n3:cpuset:/\n0::/system.slice/vacd.service\n"
)


@pytest.mark.parametrize(
    ("controller", "mounts", "parent"),
    [
        ("cpu", HYBRID, "/sys/fs/cgroup/cpu,cpuacct/system.slice/vacd.service"),
        ("cpuset", HYBRID, "/sys/fs/cgroup/cpuset"),
        ("memory", HYBRID, "/sys/fs/cgroup/memory/docker/0123/vacd"),
        ("memory", IN_A_CONTAINER, "/sys/fs/cgroup/memory/vacd"),
        ("pids", HYBRID, None),
        ("memory", "", None),
    ],
)
def test_the_factorys_own_place_is_found_for_each_controller(controller: str, mounts: str, parent: str | None) -> None:
    found = _legacy_parent(controller, mounts, OWN)
    assert found == (None if parent is None else Path(parent))


def files(directory: Path, *names: str) -> Path:
    """A directory with these files, as the kernel makes them in a cgroup."""
    directory.mkdir()
    for name in names:
        (directory / name).write_text("")
    return directory


LIMITS = Limits(memory_bytes=2**30, processes=100, processors=4)


def test_limits_are_set_by_the_names_of_version_2(tmp_path: Path) -> None:
    path = files(tmp_path / "m", "memory.max", "pids.max", "cpu.weight")
    Cgroup(path).limit(LIMITS)
    assert {one.name: one.read_text() for one in path.iterdir()} == {
        "memory.max": str(2**30), "pids.max": "100", "cpu.weight": "400"
    }  # fmt: skip


def test_limits_are_set_by_the_names_of_version_1_where_those_are(tmp_path: Path) -> None:
    unified = files(tmp_path / "unified", "cgroup.procs")
    memory = files(tmp_path / "memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    cpu = files(tmp_path / "cpu", "cpu.shares")
    cgroup = Cgroup(unified, (memory, cpu))
    cgroup.limit(LIMITS)
    assert (memory / "memory.limit_in_bytes").read_text() == str(2**30)
    assert (memory / "memory.memsw.limit_in_bytes").read_text() == str(2**30)
    assert (cpu / "cpu.shares").read_text() == "4096"
    assert cgroup.can_limit("cpu.shares")
    assert not cgroup.can_limit("pids.max")
    assert sorted(one.name for one in unified.iterdir()) == ["cgroup.procs"]


def test_what_gives_way_weighs_little_in_either_version(tmp_path: Path) -> None:
    path = files(tmp_path / "m", "cpu.weight", "cpu.shares")
    Cgroup(path).limit(Limits(processors=2, cpu_weight=1))
    assert {one.name: one.read_text() for one in path.iterdir()} == {"cpu.weight": "2", "cpu.shares": "20"}


@pytest.mark.parametrize(
    ("weight", "niceness", "modesty"), [(100, 0, 0), (1, 0, 19), (50, 0, 3), (10000, 0, 0), (50, 10, 10), (1, 5, 19)]
)
def test_without_a_cgroup_niceness_comes_nearest_to_the_weight(weight: int, niceness: int, modesty: int) -> None:
    assert Limits(cpu_weight=weight, niceness=niceness).modesty == modesty


@pytest.mark.parametrize(
    ("name", "content"),
    [("memory.events", "low 0\noom 1\noom_kill 1\n"), ("memory.oom_control", "under_oom 0\noom_kill 2\n")],
)
def test_a_want_of_memory_is_seen_in_either_version(tmp_path: Path, name: str, content: str) -> None:
    path = files(tmp_path / "m")
    assert not Cgroup(path, (path,)).out_of_memory
    (path / name).write_text(content)
    assert Cgroup(path, (path,)).out_of_memory
    (path / name).write_text(content.replace("kill 1", "kill 0").replace("kill 2", "kill 0"))
    assert not Cgroup(path, (path,)).out_of_memory
