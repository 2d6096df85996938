"""A machine is found again by more than its pid, and nobody else's process is ever touched."""

import os
import queue
import shutil
import subprocess
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_server import wait_until

from vac_core.builtin.process import ProcessHypervisor
from vac_core.builtin.process.limits import limits_of
from vac_core.builtin.process.options import ProcessMachine, ProcessPlugin
from vac_core.builtin.process.program import prepare
from vac_core.supervision.members import members
from vac_core.supervision.record import Ending, Record, Supervised, read_ending
from vac_core.supervision.spawn import launch
from vac_core.supervision.table import Process, boot_id, environment, open_process, process
from vac_core.testing import create_request, machine, machinetype, settings
from vac_core.testing import home as make_home

ID = "0b4bdbd9-14b1-4f3f-8f1a-3b0d5cb2a1aa"


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path, options=ProcessPlugin(cgroup="no"))


@pytest.fixture
def stranger():
    """A process that is none of ours, but leads a session as a supervisor does."""
    started = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    wait_until(lambda: environment(started.pid))  # it has none while it is beginning
    yield started
    started.kill()
    started.wait()


def remembered(home, pid, **changes):
    """A record that names this process as a machine's supervisor."""
    found = process(pid)
    record = Record(home.state_dir / "machines" / ID)
    record.directory.mkdir(parents=True)
    about = {"machine_id": ID, "pid": pid, "start_ticks": found.start_ticks, "boot": boot_id(), **changes}
    record.write(Supervised(**about))
    return record


@pytest.mark.parametrize(
    "changes",
    [{}, {"start_ticks": 1}, {"boot": "another"}],
    ids=["another's environment", "another start", "another boot"],
)
def test_a_pid_that_came_again_is_no_machine_and_is_left_alone(home, stranger, changes):
    remembered(home, stranger.pid, **changes)
    hypervisor = ProcessHypervisor()
    hypervisor.start(home)
    (seen,) = hypervisor.list_machines()
    assert (seen.running, seen.ended) == (False, True)
    hypervisor.request_stop(ID)
    hypervisor.pause(ID)
    hypervisor.destroy(ID)
    assert hypervisor.list_machines() == []
    assert stranger.poll() is None
    assert not process(stranger.pid).stopped
    hypervisor.stop()


def test_one_that_ended_while_nobody_watched_is_told_of(home, stranger):
    remembered(home, stranger.pid, boot="another")
    hypervisor, news = ProcessHypervisor(), queue.SimpleQueue()
    hypervisor.start(home)
    hypervisor.watch(news.put)
    assert news.get(timeout=60) == ID
    hypervisor.stop()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"pid": 1', b"\xff\xfe", b'{"unknown": 1}'])
def test_a_record_that_is_not_whole_is_of_a_machine_that_was_not_made(home, content):
    record = Record(home.state_dir / "machines" / ID)
    record.directory.mkdir(parents=True)
    (record.directory / "supervisor").write_bytes(content)
    hypervisor = ProcessHypervisor()
    hypervisor.start(home)
    (seen,) = hypervisor.list_machines()
    assert (seen.ended, seen.note) == (True, "its creation was not finished")
    hypervisor.destroy(ID)
    assert hypervisor.list_machines() == []
    hypervisor.stop()


def test_a_machine_that_was_cleared_away_while_it_was_made_never_runs(home):
    request = create_request(home, user_data=b'#!/bin/sh\necho ran >"$JOBOUTPUTS/ran"\n')
    cleared = Record(home.state_dir / "machines" / request.machine.id)
    with pytest.raises(FileNotFoundError):
        launch(cleared, prepare(request, None, ""))
    assert not (request.directory / "joboutputs" / "ran").exists()
    assert members(request.machine.id, None, [process(os.getpid())]) == []


@given(st.text())
def test_any_text_is_an_ending_or_none(raw):
    assert read_ending(raw) is None or raw.startswith("status ")


@given(st.integers(0, 255), st.integers(0, 59), st.integers(0, 999))
def test_an_ending_is_read_back_whole_and_not_in_part(status, minutes, thousandths):
    raw = f"status {status}\n0m0.00s 0m0.00s\n{minutes}m1.{thousandths:03}s 1m0.00s\nend\n"
    assert read_ending(raw) == Ending(status, 60 * minutes + 1 + thousandths / 1000 + 60)
    assert all(read_ending(raw[:length]) is None for length in range(len(raw)))


def test_times_are_read_whatever_the_shells_locale():
    assert read_ending("status 0\n0m0,50s 0m0,25s\n0m0,00s 0m0,00s\nend\n") == Ending(0, 0.75)


@pytest.mark.parametrize("name", ["plain", "a) Z 1 (b", "two words"])
def test_a_process_is_read_whatever_it_is_called(tmp_path, name):
    program = tmp_path / name
    shutil.copy("/bin/sleep", program)
    started = subprocess.Popen([program, "600"])
    found = process(started.pid)
    assert (found.parent, found.alive, found.stopped) == (os.getpid(), True, False)
    assert found.session == os.getsid(started.pid)
    started.kill()
    started.wait()
    assert process(started.pid) is None


def test_a_pidfd_is_of_exactly_the_process_that_was_meant(stranger):
    meant = process(stranger.pid)
    assert open_process(attrs.evolve(meant, start_ticks=meant.start_ticks - 1)) is None
    os.close(open_process(meant))


def one(pid, parent=1, session=1, start=100, state="S"):
    # Pids of the test are beyond what a kernel gives, so that no environment is read.
    return Process(
        pid=10**8 + pid,
        state=state,
        parent=10**8 + parent,
        session=10**8 + session,
        cpu_seconds=0.0,
        start_ticks=start,
    )


def chosen(table, start=100):
    supervised = Supervised(machine_id=ID, pid=10**8 + 10, start_ticks=start, boot=boot_id())
    return sorted(found.pid - 10**8 for found in members(ID, supervised, table))


def test_members_are_a_session_and_all_that_descends_from_it():
    table = [one(10, session=10), one(11, 10, 10), one(12, 11, 12), one(13, 12, 12), one(20, 1, 20)]
    assert chosen(table) == [10, 11, 12, 13]


def test_a_session_outlives_its_leader():
    assert chosen([one(11, 1, 10), one(20, 1, 20)]) == [11]


def test_a_session_whose_number_came_again_is_not_ours():
    assert chosen([one(10, session=10, start=500), one(11, 10, 10, start=501)]) == []


def test_dead_and_older_processes_are_no_members():
    assert chosen([one(11, 1, 10, state="Z"), one(12, 1, 10, start=50)]) == []


def test_limits_come_from_the_site_and_the_machinetype():
    of = machinetype(disk_gb_per_processor=2)
    limits = limits_of(machine(processors=4), of, settings(mb_per_processor=1024))
    assert (limits.memory_bytes, limits.address_space_bytes) == (4 * 2**30, None)
    assert limits.file_size_bytes == 8 * 10**9
    without = machinetype(plugin_options={"process": ProcessMachine(process_memory="none", process_count=50)})
    limits = limits_of(machine(memory_bytes=5), without, settings())
    assert (limits.memory_bytes, limits.address_space_bytes, limits.processes) == (None, None, 50)
    assert limits.file_size_bytes == 40 * 10**9
    modest = limits_of(machine(processors=4), machinetype(cpu_weight=10), settings())
    assert (modest.processors, modest.cpu_weight) == (4, 10)


FACTORY_THAT_DIES = """
import os, signal, sys
from pathlib import Path
from vac_core.builtin.process import ProcessHypervisor
from vac_core.builtin.process.options import ProcessPlugin
from vac_core.testing import create_request, home, machine
at = home(Path(sys.argv[1]), options=ProcessPlugin(cgroup=sys.argv[2]))
hypervisor = ProcessHypervisor()
hypervisor.start(at)
hypervisor.create(create_request(at, machine(id=sys.argv[3]), user_data=b"#!/bin/sh\\nexec sleep 600\\n"))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("cgroup", ["auto", "no"])
def test_a_machine_outlives_a_factory_that_is_killed_and_its_end_is_told_to_the_next(tmp_path, cgroup):
    died = subprocess.run([sys.executable, "-c", FACTORY_THAT_DIES, str(tmp_path), cgroup, ID], check=False)
    assert died.returncode == -9
    hypervisor, news = ProcessHypervisor(), queue.SimpleQueue()
    hypervisor.start(make_home(tmp_path, options=ProcessPlugin(cgroup=cgroup)))
    hypervisor.watch(news.put)
    (seen,) = hypervisor.list_machines()
    assert (seen.machine_id, seen.running) == (ID, True)
    hypervisor.request_stop(ID)
    assert news.get(timeout=60) == ID
    (seen,) = hypervisor.list_machines()
    assert (seen.ended, seen.exit_code) == (True, 143)
    hypervisor.destroy(ID)
    assert hypervisor.list_machines() == []
    hypervisor.stop()


FACTORY_THAT_DIES_EARLY = FACTORY_THAT_DIES.replace(
    "hypervisor.create(",
    "import vac_core.supervision.record as records\n"
    "records.Record.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    "hypervisor.create(",
).replace("exec sleep 600", 'echo ran >\\"$JOBOUTPUTS/ran\\"')


def test_a_factory_killed_before_its_machine_was_noted_leaves_nothing_that_runs(tmp_path):
    died = subprocess.run([sys.executable, "-c", FACTORY_THAT_DIES_EARLY, str(tmp_path), "no", ID], check=False)
    assert died.returncode == -9
    hypervisor = ProcessHypervisor()
    hypervisor.start(make_home(tmp_path, options=ProcessPlugin(cgroup="no")))
    (seen,) = hypervisor.list_machines()
    assert (seen.machine_id, seen.ended, seen.note) == (ID, True, "its creation was not finished")
    hypervisor.destroy(ID)
    assert hypervisor.list_machines() == []
    assert not (tmp_path / "machines" / ID / "joboutputs" / "ran").exists()
    hypervisor.stop()
