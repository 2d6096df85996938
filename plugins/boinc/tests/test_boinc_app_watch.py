"""Watching virtual machines' applications from outside: what hostile and honest guests leave, and what it comes to."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc import vbox_job, watch_file
from vac_boinc.terms import DETAIL, Terms, TermsError
from vac_boinc.vbox_job import VboxJob
from vac_boinc.watch import Seen, Watch, outcome
from vac_boinc.watcher import FORGET_SECONDS, Watcher

from vac_core.interfaces import PluginError
from vac_core.model import Machine, MachineState, Outcome
from vac_core.testing import machine

TERMS = Terms(
    completion="shutdown",
    temporary_exit="later",
    fraction="part",
    heartbeat="heartbeat",
    interval=600.0,
    duration=7200.0,
    outputs=("result", "other"),
)


@attrs.define
class Guest:
    """A machine, the directory that it shares with its host, and who watches it."""

    directory: Path
    terms: Terms = TERMS
    now: float = 1000.0
    state: MachineState = MachineState.RUNNING
    watcher: Watcher = attrs.field(init=False)
    machine: Machine = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        for name in ("shared", "joboutputs"):
            (self.directory / name).mkdir(parents=True)
        self.machine = machine(state=self.state, details={DETAIL: self.terms.packed()})
        self.restart()

    def restart(self) -> None:
        self.watcher = Watcher(lambda: self.now)

    def write(self, name: str, content: bytes = b"", changed: float | None = None) -> Path:
        path = self.directory / "shared" / name
        path.write_bytes(content)
        if changed is not None:
            os.utime(path, (changed, changed))
        return path

    def look(self, after: float = 2.0, *, ended: bool = False, most_octets: int = 10**6) -> str:
        self.now += after
        one = attrs.evolve(self.machine, state=self.state)
        return self.watcher.look(one, self.directory, ended=ended, most_octets=most_octets)

    def output(self, name: str) -> str:
        return (self.directory / "joboutputs" / name).read_text()


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    return Guest(tmp_path / "m")


@pytest.fixture
def without_heartbeat(tmp_path: Path) -> Guest:
    return Guest(tmp_path / "m", attrs.evolve(TERMS, heartbeat=""))


def test_a_machine_of_another_sort_is_none_of_its_business(tmp_path: Path) -> None:
    watcher = Watcher()
    assert watcher.look(machine(), tmp_path, ended=True, most_octets=0) == ""
    assert watcher.watched == frozenset()


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        (b"0\n", "200 Success"),
        (b"0\r\n0\r\nall well\r\n", "200 Success: all well"),
        (b"208\n208\na sub task failed\n", "600 A part of the task failed (exit 208): a sub task failed"),
        (b"207\n", "300 Nothing to do (exit 207)"),
        (b"1\n", "700 The task ended with 1"),
    ],
)
def test_a_guest_says_that_it_is_done(guest: Guest, trigger: bytes, message: str) -> None:
    assert guest.look() == ""
    guest.write("shutdown", trigger)
    assert guest.look() == message


def test_a_trigger_that_is_half_written_is_waited_for_until_nobody_writes_on(guest: Guest) -> None:
    for part in (b"", b"2", b"20"):
        guest.write("shutdown", part)
        assert guest.look() == ""
    guest.write("shutdown", b"206")
    assert guest.look(ended=True) == "500 The task could not begin here (exit 206)"


def test_a_guest_asks_to_be_tried_again(guest: Guest) -> None:
    guest.write("later", b"900\n0\nno database\n")
    message = guest.look()
    assert message == "300 It asks to be tried again: no database (retry after 900 s)"
    assert Outcome.from_shutdown_message(message).retry_after == 900


@given(st.integers(-(10**9), 10**9), st.text(max_size=300))
def test_whatever_a_guest_says_with_it_the_time_is_read(delay: int, said: str) -> None:
    seen = Seen(temporary_exit=f"{delay}\n0\n{said}".encode("utf-8", "replace"))
    message = outcome(TERMS, Watch.begun(TERMS, 0.0), seen, ended=False, asked_to_end=False)
    found = Outcome.from_shutdown_message(message.encode())
    assert found.code == 300
    assert found.retry_after == (min(max(delay, 0), 86400) if abs(delay) < 10**9 else found.retry_after)


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "socket", "second name"])
def test_what_is_no_plain_file_says_nothing_and_is_not_waited_for(guest: Guest, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"0\n")
    for name in ("shutdown", "later", "part", "result"):
        path = guest.directory / "shared" / name
        if kind == "link":
            path.symlink_to(secret)
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        elif kind == "socket":
            os.mknod(path, 0o140644)
        else:
            path.hardlink_to(secret)
    assert guest.look() == ""
    assert guest.look(ended=True) == "700 It ended before it had said that it was done"
    assert not (guest.directory / "joboutputs" / "result").exists()


def test_a_shared_directory_that_became_a_link_is_not_followed(guest: Guest, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "shutdown").write_bytes(b"0\n")
    (guest.directory / "shared").rmdir()
    (guest.directory / "shared").symlink_to(elsewhere)
    assert guest.look() == ""


def test_a_heartbeat_that_changes_keeps_a_machine(guest: Guest) -> None:
    for turn in range(20):
        guest.write("heartbeat", changed=float(turn))
        assert guest.look(150.0) == ""


def test_a_heartbeat_that_stops_is_a_loss_after_three_strikes(guest: Guest) -> None:
    guest.write("heartbeat", changed=1.0)
    guest.look(0.0)
    assert [guest.look(200.0) for _ in range(4)] == [
        "",
        "",
        "",
        "700 The application is lost: its heartbeat stopped for 600 s",
    ]


def test_the_first_check_passes_and_no_file_at_a_check_is_a_loss(guest: Guest) -> None:
    guest.look(0.0)
    assert guest.look(199.0) == ""
    assert guest.look(1.0) == "700 The application is lost: it has no heartbeat file"


def test_time_stands_still_while_a_machine_is_held(guest: Guest) -> None:
    guest.write("heartbeat", changed=1.0)
    guest.look(0.0)
    assert guest.look(200.0) == guest.look(200.0) == ""
    guest.state = MachineState.PAUSED
    assert [guest.look(4000.0) for _ in range(3)] == [""] * 3
    guest.state = MachineState.RUNNING
    assert guest.look(4000.0) == ""
    guest.write("heartbeat", changed=2.0)
    assert guest.look(200.0) == ""
    assert float(guest.output("fraction_done")) == pytest.approx(600 / 7200, abs=0.0001)


def test_a_job_has_its_time(without_heartbeat: Guest) -> None:
    without_heartbeat.look(0.0)
    assert without_heartbeat.look(7199.0) == ""
    assert without_heartbeat.output("fraction_done") == "0.9999\n"
    assert without_heartbeat.look(1.0) == "200 Success, after the time that it was to take"
    assert not (without_heartbeat.directory / "joboutputs" / "output").exists()


def test_a_job_with_cern_s_format_leaves_its_word_then(tmp_path: Path) -> None:
    guest = Guest(tmp_path / "m", Terms(duration=60.0, cern_dataformat=True))
    guest.look(0.0)
    assert guest.look(60.0).startswith("200 ")
    assert guest.output("output") == "Work Unit completed!"


@pytest.mark.parametrize(
    ("lived", "state", "message"),
    [
        (7000.0, MachineState.RUNNING, "700 It ended before it had said that it was done"),
        (7200.0, MachineState.RUNNING, "200 Success, after the time that it was to take"),
        (7000.0, MachineState.STOPPING, ""),
    ],
)
def test_a_machine_that_ends_by_itself(
    without_heartbeat: Guest, lived: float, state: MachineState, message: str
) -> None:
    without_heartbeat.look(0.0)
    without_heartbeat.look(lived - 2.0)
    without_heartbeat.state = state
    assert without_heartbeat.look(ended=True) == message


def test_a_trigger_that_is_written_last_before_the_end_is_seen(guest: Guest) -> None:
    guest.look()
    guest.write("shutdown", b"0\n0\nat last\n")
    guest.state = MachineState.STOPPING
    assert guest.look(ended=True) == "200 Success: at last"


def test_how_far_it_says_it_is_is_an_output(guest: Guest) -> None:
    guest.write("part", b"0.1\n0.25\nrubbish\n")
    guest.look()
    assert guest.output("fraction_done") == "0.2500\n"
    elsewhere = guest.directory.parent / "elsewhere"
    elsewhere.write_text("untouched")
    path = guest.directory / "joboutputs" / "fraction_done"
    path.unlink()
    path.symlink_to(elsewhere)
    guest.write("part", b"0.5\n")
    guest.look()
    assert guest.output("fraction_done") == "0.5000\n"
    assert elsewhere.read_text() == "untouched"


def test_what_it_leaves_is_kept_at_its_end_within_the_limit(guest: Guest, caplog: pytest.LogCaptureFixture) -> None:
    guest.write("result", b"42 events").chmod(0o4755)
    guest.write("other", b"x" * 100)
    guest.write("shutdown", b"0\n")
    guest.look()
    assert not (guest.directory / "joboutputs" / "result").exists()
    assert guest.look(ended=True, most_octets=50) == "200 Success"
    assert guest.output("result") == "42 events"
    assert (guest.directory / "joboutputs" / "result").stat().st_mode & 0o7777 == 0o644
    assert not (guest.directory / "joboutputs" / "other").exists()
    assert "other has 100 octets" in caplog.text


def test_a_restart_of_the_factory_begins_no_time_anew(without_heartbeat: Guest) -> None:
    guest = without_heartbeat
    guest.look(0.0)
    guest.look(3000.0)
    guest.restart()
    assert guest.look(3000.0) == ""
    assert guest.output("fraction_done") == f"{6000 / 7200:.4f}\n"
    guest.state = MachineState.PAUSED
    guest.look(60.0)
    guest.restart()
    guest.look(10**6)
    guest.state = MachineState.RUNNING
    assert guest.look(100.0) == ""
    assert guest.look(1200.0).startswith("200 ")


def test_a_machine_that_ended_while_nobody_looked_has_lived_no_longer_than_is_known(without_heartbeat: Guest) -> None:
    without_heartbeat.look(0.0)
    without_heartbeat.look(3000.0)
    without_heartbeat.restart()
    assert without_heartbeat.look(10**6, ended=True) == "700 It ended before it had said that it was done"


def test_strikes_are_counted_anew_after_a_restart(guest: Guest) -> None:
    guest.write("heartbeat", changed=1.0)
    guest.look(0.0)
    assert [guest.look(200.0) for _ in range(3)] == [""] * 3
    guest.restart()
    lost = "700 The application is lost: its heartbeat stopped for 600 s"
    assert [guest.look(200.0) for _ in range(5)] == ["", "", "", "", lost]


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"[]",
        b'{"at": "x"}',
        b'{"at": 1, "boot": "another", "elapsed": 7199, "held": false}',
        b'{"at": 1e9, "boot": "BOOT", "elapsed": 7199, "held": false}',
        b'{"at": 1, "boot": "BOOT", "elapsed": -1, "held": false}',
        b'{"at": 1, "boot": "BOOT", "elapsed": NaN, "held": false}',
    ],
)
def test_what_cannot_be_true_of_the_past_is_not_believed(without_heartbeat: Guest, kept: bytes) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    (without_heartbeat.directory / watch_file.NAME).write_bytes(kept.replace(b"BOOT", boot))
    assert without_heartbeat.look(5.0) == ""
    assert without_heartbeat.output("fraction_done") == "0.0000\n"


def test_the_time_is_written_down_no_more_than_once_a_minute(without_heartbeat: Guest) -> None:
    guest = without_heartbeat
    path = guest.directory / watch_file.NAME
    found = []
    for _ in range(60):
        guest.look(2.0)
        found.append(json.loads(path.read_bytes())["at"])
    assert len(set(found)) == 2


def test_machines_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    guests = [Guest(tmp_path / str(number)) for number in range(3)]
    watcher, now = guests[0].watcher, guests[0]
    for one in guests:
        one.watcher = watcher
        one.look()
    assert watcher.watched == {one.machine.id for one in guests}
    guests[1].look(ended=True)
    assert watcher.watched == {guests[0].machine.id, guests[2].machine.id}
    now.look(FORGET_SECONDS + 1)
    assert watcher.watched == {guests[0].machine.id}


def test_many_are_looked_at_from_many_threads(tmp_path: Path) -> None:
    guests = [Guest(tmp_path / str(number)) for number in range(8)]
    watcher, found = Watcher(), []
    for one in guests:
        one.watcher = watcher
        one.write("shutdown", b"0\n")
    looks = [threading.Thread(target=lambda one=one: found.append(one.look())) for one in guests * 5]
    for each in looks:
        each.start()
    for each in looks:
        each.join()
    assert found == ["200 Success"] * 40
    assert len(watcher.watched) == 8


def test_progress_that_cannot_be_written_is_told_and_hides_no_end(guest: Guest) -> None:
    path = guest.directory / "joboutputs" / "fraction_done"
    path.mkdir()
    with pytest.raises(PluginError, match="fraction_done"):
        guest.look()
    guest.write("part", b"0.5\n")
    guest.write("shutdown", b"0\n")
    assert guest.look() == "200 Success"


def test_terms_are_short_and_survive_the_journal() -> None:
    assert Terms.unpacked(TERMS.packed()) == TERMS
    assert Terms().packed() == "{}"
    assert len(TERMS.packed()) < 200


@pytest.mark.parametrize("raw", ["", "[]", "7", '{"colour": "red"}', '{"outputs": 7}'])
def test_terms_that_cannot_be_understood_are_told_of(tmp_path: Path, raw: str) -> None:
    with pytest.raises(TermsError):
        Terms.unpacked(raw)
    with pytest.raises(PluginError, match="another version"):
        Watcher().look(machine(details={DETAIL: raw}), tmp_path, ended=False, most_octets=0)


def test_a_job_without_a_shared_directory_has_nothing_to_look_for() -> None:
    job = vbox_job.parse(
        b"<vbox_job><heartbeat_filename>beat</heartbeat_filename><job_duration>60</job_duration></vbox_job>"
    )
    assert Terms.of(job, ("result",)) == Terms(duration=60.0)
    shares = attrs.evolve(VboxJob(enable_shared_directory=True), heartbeat_filename="beat")
    assert Terms.of(shares, ("result",)) == Terms(heartbeat="beat", outputs=("result",))


steps = st.lists(st.tuples(st.floats(0, 5000), st.booleans()), max_size=30)


@given(steps)
def test_its_time_is_that_in_which_it_was_not_held(story: list[tuple[float, bool]]) -> None:
    """Each step is a time, and whether the machine is held at its end."""
    now, watch, held, lived = 0.0, Watch.begun(Terms(), 0.0), False, 0.0
    for seconds, holds in story:
        now += seconds
        watch = watch.turned(now, held=holds)
        lived += 0.0 if held or holds else seconds
        held = holds
    assert watch.elapsed == pytest.approx(lived)
    assert watch.turned(now - 1, held=False).elapsed == watch.elapsed, "no clock goes back, but none is believed either"


@given(st.lists(st.tuples(st.floats(0, 700), st.booleans(), st.booleans()), max_size=40))
def test_no_machine_that_beats_is_lost_however_it_is_held(story: list[tuple[float, bool, bool]]) -> None:
    """Each step is a time, whether the machine is held then, and whether it is long before the next look."""
    terms, now, beat = Terms(heartbeat="heartbeat", interval=600.0), 0.0, 0.0
    watch = Watch.begun(terms, now)
    for seconds, holds, long in story:
        now += seconds + (10**5 if long else 0)
        beat += 0.0 if holds else 1.0
        watch = watch.turned(now, held=holds).looked(terms, Seen(heartbeat=beat))
        assert outcome(terms, watch, Seen(), ended=False, asked_to_end=False) == ""
