"""What is kept of machines on disk, and what is seen of them by it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from libvirt_guests import new_id
from vac_libvirt.ends import UNFINISHED, UNSEEN, End
from vac_libvirt.observe import observe
from vac_libvirt.options import device_groups
from vac_libvirt.passable import make_passable
from vac_libvirt.record import Made, Record, Records
from vac_libvirt.stats import Figures, read_figures

from vac_core.interfaces import Observed


@pytest.fixture
def record(tmp_path: Path) -> Record:
    found = Records(tmp_path).of(new_id())
    assert found is not None
    found.begin()
    return found


def test_what_was_noted_is_found_again(record: Record) -> None:
    made = Made(name="wn01-00", disk_directory="/d", lent=device_groups("0000:3b:00.0+0000:3b:00.1 3c:00.0"))
    record.write(made)
    record.note_end(End(note="it was destroyed", cpu_seconds=1.5))
    again = Record(record.directory)
    assert again.made() == made
    assert again.end() == End(note="it was destroyed", cpu_seconds=1.5)


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", '{"name": 1}', "\0"])
def test_a_note_that_was_torn_is_none(record: Record, raw: str) -> None:
    for name in ("made", "end"):
        (record.directory / name).write_text(raw)
    assert (record.made(), record.end()) == (None, None)


@pytest.mark.parametrize("machine_id", ["", ".", "..", "../x", "A" * 36, "6f1d2c3b-4a59-4687-9abc-def01234567", "x\n"])
def test_what_is_no_uuid_is_no_machine(tmp_path: Path, machine_id: str) -> None:
    assert Records(tmp_path).of(machine_id) is None


def test_a_record_that_is_removed_is_not_brought_back_by_a_late_end(record: Record) -> None:
    record.remove()
    record.remove()
    with pytest.raises(FileNotFoundError):
        record.note_end(End(note=""))
    with pytest.raises(FileNotFoundError):
        record.note_started()
    assert Records(record.directory.parent).all() == []


def test_a_removal_that_was_cut_off_is_finished_at_the_next_start(record: Record) -> None:
    records = Records(record.directory.parent)
    record.directory.rename(record.directory.with_name(f"{record.machine_id}.gone"))
    assert records.all() == []
    records.tidy()
    assert list(records.directory.iterdir()) == []


def test_qemus_user_gets_through_to_a_machines_disks_whatever_the_umask(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o750)
    before = os.umask(0o077)
    try:
        make_passable(tmp_path / "there/vac/machines/1")
        make_passable(tmp_path / "there/vac/machines/2")
    finally:
        os.umask(before)
    made = [tmp_path / "there/vac", tmp_path / "there/vac/machines", tmp_path / "there/vac/machines/1"]
    assert [one.stat().st_mode & 0o777 for one in made] == [0o711] * 3
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o750
    with pytest.raises(FileExistsError):
        make_passable(tmp_path / "there/vac/machines/1")


def test_a_machine_is_seen_by_its_domain_else_by_its_record(record: Record) -> None:
    running = Figures(paused=True, cpu_seconds=2.0)
    assert observe([record], {record.machine_id: running}, (), {}) == [
        Observed(machine_id=record.machine_id, running=True, paused=True, cpu_seconds=2.0)
    ]
    assert observe([record], {}, {record.machine_id}, {}) == [Observed(machine_id=record.machine_id, running=False)]
    assert observe([record], {}, (), {})[0].note == UNFINISHED
    record.note_started()
    seen = {record.machine_id: running}
    assert observe([record], {}, (), seen) == [
        Observed(machine_id=record.machine_id, running=False, ended=True, cpu_seconds=2.0, note=UNSEEN)
    ]
    record.note_end(End(note="its operating system crashed", cpu_seconds=3.0))
    assert observe([record], {}, (), seen) == [
        Observed(
            machine_id=record.machine_id,
            running=False,
            ended=True,
            cpu_seconds=3.0,
            note="its operating system crashed",
        )
    ]


def test_a_domain_of_ours_without_a_record_is_seen_too() -> None:
    """As when the state directory was lost: nobody else would ever end it."""
    machine_id = new_id()
    assert observe([], {machine_id: Figures(paused=False)}, (), {}) == [Observed(machine_id=machine_id, running=True)]


RECORDED = {
    "state.state": 1,
    "cpu.time": 1323332000,
    "balloon.rss": 187192,
    "net.count": 2,
    "net.0.rx.bytes": 90,
    "net.1.rx.bytes": 10,
    "net.0.tx.bytes": 0,
    "block.count": 1,
    "block.0.rd.bytes": 512,
    "block.0.wr.bytes": 1024,
}
"""Names and units as libvirt 9 gave them."""


def test_figures_are_read_in_seconds_and_octets_and_added_up_over_devices() -> None:
    figures = read_figures(RECORDED)
    assert figures.cpu_seconds == pytest.approx(1.323332)
    assert figures.rss_octets == 187192 * 1024
    assert (figures.received_octets, figures.sent_octets) == (100, 0)
    assert (figures.read_octets, figures.written_octets) == (512, 1024)


def test_what_libvirt_does_not_say_now_is_as_it_was() -> None:
    """A domain on which another call is at work gives less."""
    later = read_figures({"state.state": 1, "cpu.time": 2_000_000_000}).after(read_figures(RECORDED))
    assert (later.cpu_seconds, later.rss_octets) == (2.0, 187192 * 1024)
    assert read_figures({}) == Figures(paused=False)


def test_figures_are_told_in_words_that_people_know() -> None:
    assert str(read_figures(RECORDED)).startswith("1.3 s of CPU, 182.8 MiB of memory at the latest")
