"""What is found of a host: the last input, others' use of processors, batteries, programs, and the disk."""

from __future__ import annotations

import itertools
import os
import struct
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc import idle, load
from vac_boinc.load import Usage
from vac_boinc.options import BoincPlugin
from vac_boinc.senses import LinuxSenses, disk_of

from vac_core.testing import home

NOW = 1_800_000_000.0


def shared(tmp_path: Path, written: float, touched: float) -> Path:
    path = tmp_path / "shm"
    path.write_bytes(struct.pack("=qq", int(written), int(touched)))
    return path


@pytest.mark.parametrize(
    ("written", "touched", "idle_for"),
    [
        (NOW, NOW - 100, 100.0),
        (NOW - 60, NOW - 90, 90.0),
        (NOW - 61, NOW, None),
        (NOW + 11, NOW, None),
        (NOW, NOW + 5, 0.0),
    ],
)
def test_an_idle_daemon_is_believed_while_it_is_alive(
    tmp_path: Path, written: float, touched: float, idle_for: float | None
) -> None:
    assert idle.from_shared_memory(NOW, shared(tmp_path, written, touched)) == idle_for


def test_shared_memory_that_is_not_there_or_too_short_tells_nothing(tmp_path: Path) -> None:
    assert idle.from_shared_memory(NOW, tmp_path / "none") is None
    (tmp_path / "short").write_bytes(b"1234")
    assert idle.from_shared_memory(NOW, tmp_path / "short") is None


def test_the_terminal_that_was_touched_last_counts_and_serial_lines_do_not(tmp_path: Path) -> None:
    (tmp_path / "pts").mkdir()
    for name, ago in (("tty1", 500), ("pts/3", 70), ("ttyS0", 1), ("ttyACM0", 1), ("pts/ptmx", 1), ("null", 1)):
        path = tmp_path / name
        path.touch()
        os.utime(path, (NOW - ago, NOW))
    assert idle.from_terminals(NOW, tmp_path) == 70.0
    (tmp_path / "tty").touch()
    os.utime(tmp_path / "tty", (NOW - 20, NOW))
    assert idle.from_terminals(NOW, tmp_path) == 20.0, "a program reads from /dev/tty what is typed at its terminal"
    assert idle.from_terminals(NOW, tmp_path / "pts" / "none") is None


@pytest.mark.parametrize(
    ("told", "idle_for"),
    [
        ("IdleHint=no\nIdleSinceHint=0\n", 0.0),
        (f"IdleHint=yes\nIdleSinceHint={int((NOW - 300) * 1e6)}\n", 300.0),
        ("IdleHint=yes\nIdleSinceHint=0\n", NOW),
        ("IdleHint=yes\nIdleSinceHint=\n", 0.0),
        ("Failed\n", None),
        ("", None),
        (None, None),
    ],
)
def test_logind_is_understood(told: str | None, idle_for: float | None) -> None:
    assert idle.from_logind(NOW, lambda _: told) == idle_for


@pytest.mark.parametrize(
    ("program", "idle_for"),
    [("print(12.5)", 12.5), ("print('soon')", None), ("print(-1)", None), ("print('nan')", None), ("exit(3)", None)],
)
def test_a_command_of_the_sites_is_believed_if_it_prints_a_number(program: str, idle_for: float | None) -> None:
    assert idle.from_command([sys.executable, "-c", program]) == idle_for


def test_a_command_that_is_not_there_tells_nothing() -> None:
    assert idle.from_command(["/nonexistent/idle"]) is None
    assert idle.from_command([]) is None


def test_the_latest_input_of_all_sources_counts() -> None:
    asked = [sys.executable, "-c", "print(5)"]
    assert idle.idle_seconds(("command",), asked, NOW) == 5.0
    assert idle.idle_seconds((), asked, NOW) is None


def test_ours_is_taken_off_by_machine_and_the_rest_is_others() -> None:
    before = Usage(time=0, host=100.0, machines={"a": 10.0, "gone": 50.0})
    after = Usage(time=10, host=116.0, machines={"a": 18.0, "new": 4.0})
    assert load.others_percent(before, after, processors=2) == pytest.approx(20.0)


@given(
    rates=st.lists(st.floats(0, 1), min_size=1, max_size=4),
    lapses=st.lists(st.floats(1, 30), min_size=3, max_size=3),
    ends=st.floats(0, 1),
)
def test_a_machine_that_ends_is_not_taken_for_an_owner_at_work(
    rates: list[float], lapses: list[float], ends: float
) -> None:
    first, second, third = itertools.accumulate(lapses)
    host = [sum(rates) * time for time in (first, second)]
    looks = [
        Usage(time=time, host=used, machines={f"m{n}": rate * time for n, rate in enumerate(rates)})
        for time, used in zip((first, second), host, strict=True)
    ]
    gone = {f"m{n}": rate * third for n, rate in enumerate(rates) if n}
    after = Usage(time=third, host=host[1] + (sum(rates[1:]) + rates[0] * ends) * lapses[2], machines=gone)
    assert load.others_percent(looks[0].followed(looks[1]), after, len(rates)) == pytest.approx(0, abs=1e-6)


def test_others_are_seen_also_when_a_machine_ends() -> None:
    before = Usage(time=0, host=0.0, machines={"gone": 0.0}).followed(Usage(time=10, host=5.0, machines={"gone": 5.0}))
    after = Usage(time=20, host=25.0, machines={})
    assert load.others_percent(before, after, 2) == pytest.approx(75.0)


def test_programs_that_give_way_do_not_count_and_hide_nobody_s_work() -> None:
    before = Usage(time=0, host=100.0, machines={}, yielding={"7": 5.0})
    boinc = Usage(time=10, host=120.0, machines={}, yielding={"7": 15.0, "8": 6.0})
    assert load.others_percent(before, boinc, processors=2) == pytest.approx(20.0)
    # The machine's work gives way itself: it is taken off once.
    ours = Usage(time=10, host=120.0, machines={"m": 12.0}, yielding={"7": 15.0, "8": 2.0})
    assert load.others_percent(before, ours, processors=2) == pytest.approx(40.0)


def test_a_program_that_gives_way_is_known_by_its_priority_alone() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    processes = {}
    try:
        for niceness in ("19", "10"):
            command = ["nice", "-n", niceness, sys.executable, "-c", burn]
            one = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            processes[niceness] = one
            assert one.stdout is not None
            one.stdout.readline()
        found = load.yielding_cpu_seconds()
        assert found[str(processes["19"].pid)] >= 0.15
        assert str(processes["10"].pid) not in found
    finally:
        for one in processes.values():
            one.kill()
            one.communicate()


@pytest.mark.parametrize("after", [Usage(time=0, host=9.0, machines={}), Usage(time=9, host=1.0, machines={})])
def test_clocks_that_go_back_tell_nothing(after: Usage) -> None:
    assert load.others_percent(Usage(time=0, host=5.0, machines={}), after, 1) is None


def test_a_program_that_keeps_a_processor_busy_is_seen_as_others_use() -> None:
    burn = "import time\nend=time.process_time()+1\nwhile time.process_time()<end: pass"
    before = load.host_cpu_seconds()
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert load.host_cpu_seconds() - before >= 0.9


def test_disk_that_machines_take_up_elsewhere_counts_too(tmp_path: Path) -> None:
    own, elsewhere = tmp_path / "machines", tmp_path / "disks" / "one"
    for directory, octets in ((own, 300_000), (elsewhere, 500_000)):
        directory.mkdir(parents=True)
        (directory / "file").write_bytes(b"x" * octets)
    disk = disk_of((own, tmp_path / "disks", tmp_path / "none"))
    assert 800_000 <= disk.used < 900_000
    assert disk.free <= disk.whole


def supply(directory: Path, name: str, **lines: str) -> None:
    (directory / name).mkdir(parents=True)
    for key, value in lines.items():
        (directory / name / key).write_text(f"{value}\n", "utf-8")


def test_batteries(tmp_path: Path) -> None:
    assert not load.on_batteries(tmp_path / "none")
    supply(tmp_path / "desk", "AC", type="Mains", online="1")
    supply(tmp_path / "desk", "BAT0", type="Battery", status="Charging")
    assert not load.on_batteries(tmp_path / "desk")
    supply(tmp_path / "train", "AC", type="Mains", online="0")
    supply(tmp_path / "train", "BAT0", type="Battery", status="Discharging")
    assert load.on_batteries(tmp_path / "train")
    supply(tmp_path / "tablet", "BAT0", type="Battery", status="Discharging")
    assert load.on_batteries(tmp_path / "tablet")
    supply(tmp_path / "server", "PSU", type="Mains", online="0")
    assert not load.on_batteries(tmp_path / "server")


def test_an_exclusive_program_is_found_by_its_whole_name() -> None:
    # What it prints shows that it is itself by now: the kernel renames a process a moment after it was begun.
    player = subprocess.Popen(["tail", "-n", "+1", "-f", __file__], stdout=subprocess.PIPE)
    assert player.stdout is not None
    player.stdout.read(1)
    try:
        assert load.running_app(("no-such-game", "tail")) == "tail"
        assert load.running_app(("no-such-game", "Tail")) == "Tail", "BOINC does not tell capitals"
        assert load.running_app(("tai", "no-such-game")) == ""
    finally:
        player.kill()
        player.communicate()
    assert load.running_app(()) == ""


def test_this_host_can_be_looked_at(tmp_path: Path) -> None:
    at = home(tmp_path)
    (at.machines_dir / "m").write_bytes(b"x" * 100_000)
    times = iter([NOW, NOW + 1, NOW + 20, NOW + 20])
    senses = LinuxSenses(attrs.evolve(at, cpu_seconds=lambda: {"m": 1.0}), clock=lambda: next(times))
    options = BoincPlugin(idle_sources=())
    seen = [senses.look(options) for _ in range(3)]
    assert [one.time for one in seen] == [NOW, NOW + 1, NOW + 20]
    assert all(one.idle_seconds is None and 0 <= one.others_percent <= 100 for one in seen)
    disk = senses.disk()
    assert 100_000 <= disk.used < disk.whole
    assert disk.free <= disk.whole
