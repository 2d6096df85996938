"""What a machine that is a process is given, what it may not have, and how it is held and cleared away."""

import os
import queue
import signal
import stat
from pathlib import Path

import attrs
import pytest

from vac_core.builtin.process import ProcessHypervisor
from vac_core.builtin.process.options import ProcessMachine, ProcessPlugin
from vac_core.interfaces import ContextFile, MachineTypeError, PluginError
from vac_core.supervision.members import members
from vac_core.supervision.record import Record
from vac_core.supervision.table import process, processes
from vac_core.testing import create_request, machine, machinetype
from vac_core.testing import home as make_home


@pytest.fixture(params=["auto", "no"])
def home(request, tmp_path):
    return make_home(tmp_path, options=ProcessPlugin(cgroup=request.param))


class Host:
    """The hypervisor, and what it has told."""

    def __init__(self, home):
        self.home, self.news = home, queue.SimpleQueue()
        self.hypervisor = ProcessHypervisor()
        self.hypervisor.start(home)
        self.hypervisor.watch(self.news.put)

    def request(self, script, *, options=None, of=None, **context):
        of_type = machinetype(plugin_options={"process": options or ProcessMachine()})
        return create_request(self.home, of or machine(), of_type, user_data=script.encode(), **context)

    def run(self, script, **about):
        """Run a script to its end; what it put out, and its directory."""
        request = self.request(script, **about)
        self.hypervisor.create(request)
        return self.ended(request.machine.id), request.directory

    def begin(self, script):
        """Begin a script; its machine, when it has said that it is ready, and may wait to be told to go on."""
        request = self.request(script)
        ready = request.directory / "joboutputs" / "ready"
        for fifo in (ready, ready.with_name("go")):
            os.mkfifo(fifo)
        self.hypervisor.create(request)
        with ready.open("rb") as said:
            return request, said.read().decode().split()

    def ended(self, machine_id):
        while True:
            seen = {one.machine_id: one for one in self.hypervisor.list_machines()}[machine_id]
            if seen.ended:
                return seen
            self.news.get(timeout=60)


@pytest.fixture
def host(home):
    host = Host(home)
    yield host
    for one in host.hypervisor.list_machines():
        host.hypervisor.destroy(one.machine_id)
    host.hypervisor.stop()


def log(directory):
    return (directory / "joboutputs" / "user_data.log").read_text()


def test_a_machine_finds_its_features_and_outputs_and_a_directory_of_its_own(host):
    _, directory = host.run('#!/bin/sh\necho $MACHINEFEATURES $JOBFEATURES $JOBOUTPUTS; pwd; echo "$HOME $TMPDIR"')
    work = f"{directory}/process/work"
    features = " ".join(f"{directory}/{name}" for name in ("machinefeatures", "jobfeatures", "joboutputs"))
    assert log(directory).splitlines() == [features, work, f"{work} {work}"]


def test_a_machine_knows_who_it_is_and_nothing_of_the_factorys_environment(host, monkeypatch):
    monkeypatch.setenv("FACTORY_SECRET", "do not tell")
    one = machine()
    _, directory = host.run("#!/bin/sh\nenv", of=one, environment={"VO_TOKEN": "for the VO"})
    found = dict(line.split("=", 1) for line in log(directory).splitlines())
    assert found["VAC_MACHINE_ID"] == one.id
    assert found["VAC_MACHINE_NAME"] == one.name
    assert found["VAC_MACHINETYPE"] == "lhcb"
    assert found["VO_TOKEN"] == "for the VO"
    assert "FACTORY_SECRET" not in found


def test_a_context_cannot_give_a_machine_another_name(host):
    one = machine()
    _, directory = host.run("#!/bin/sh\necho $VAC_MACHINE_ID", of=one, environment={"VAC_MACHINE_ID": "another"})
    assert log(directory).strip() == one.id


def test_user_data_may_hold_secrets_and_is_readable_by_its_owner_alone(host):
    request, _ = host.begin('#!/bin/sh\necho ready >"$JOBOUTPUTS/ready"\nexec sleep 600')
    program = request.directory / "process" / "user_data"
    assert stat.S_IMODE(program.stat().st_mode) == 0o700
    assert stat.S_IMODE(program.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("user_data", "why"),
    [
        (b"", "not a program"),
        (b"\x7fELF\x02\x01\x01junk", "not a program"),
        (b"\x1f\x8b\x08junk", "not a program"),
        (b"#cloud-config\nruncmd: []\n", "not a program"),
        (b"<html>404</html>", "not a program"),
        (b"#!\nexit 0\n", "names no interpreter"),
        (b"#!/bin/sh" + b" " * 300, "names no interpreter"),
        (b"#!/bin/\0sh\n", "names no interpreter"),
        (b"#!/bin/sh\r\nexit 0\r\n", "CR and LF"),
        (b"#!/no/such/interpreter\n", "does not have"),
        (b"#!bin/sh\n", "does not have"),
        (b"#!/tmp\n", "does not have"),
        (b"#!/etc/passwd\n", "does not have"),
    ],
)
def test_user_data_that_cannot_be_run_is_the_machinetypes_fault(host, user_data, why):
    request = create_request(host.home, user_data=user_data)
    with pytest.raises(MachineTypeError, match=f"machinetype lhcb: .*{why}"):
        host.hypervisor.create(request)
    assert not (request.directory / "process").exists()
    assert host.hypervisor.list_machines() == []


def test_an_error_shows_nothing_of_user_data(host):
    request = create_request(host.home, user_data=b"token=SECRET")
    with pytest.raises(MachineTypeError) as raised:
        host.hypervisor.create(request)
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize("name", ["", "1ST", "WITH-HYPHEN", "A=B", "A\0"])
def test_a_variable_that_no_environment_can_have_is_refused(host, name):
    with pytest.raises(MachineTypeError, match="variable"):
        host.hypervisor.create(host.request("#!/bin/sh", environment={name: "value"}))


def test_files_at_absolute_paths_are_refused(host):
    file = ContextFile(path="/etc/passwd", content=b"root")
    with pytest.raises(MachineTypeError, match="/etc/passwd"):
        host.hypervisor.create(host.request("#!/bin/sh", files=(file,)))


def test_how_a_program_ended_is_kept(host):
    seen, _ = host.run("#!/bin/sh\nexit 7")
    assert (seen.exit_code, seen.note) == (7, "")
    seen, _ = host.run("#!/bin/sh\nkill -KILL $$")
    assert (seen.exit_code, seen.note) == (137, "its program was ended by SIGKILL")


def test_a_program_that_ends_its_whole_group_by_sigterm_leaves_its_status(host):
    seen, _ = host.run("#!/bin/sh\ntrap 'exit 3' TERM\nkill 0\nsleep 5")
    assert seen.exit_code == 3


def test_a_program_that_kills_its_supervisor_has_ended_without_a_status(host):
    seen, _ = host.run("#!/bin/sh\nkill -KILL $PPID\nsleep 600")
    assert (seen.ended, seen.exit_code) == (True, None)
    assert "nothing recorded" in seen.note


def test_cpu_time_is_counted_while_a_machine_runs_and_when_it_has_ended(host):
    spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    request, _ = host.begin(f'#!/bin/sh\n({spin})\necho ready >"$JOBOUTPUTS/ready"\nread -r go <"$JOBOUTPUTS/go"')
    (running,) = host.hypervisor.list_machines()
    assert running.cpu_seconds > 0.02
    host.hypervisor.request_stop(request.machine.id)
    rounding = 0.05  # each process is counted in hundredths, user and system time apart
    assert host.ended(request.machine.id).cpu_seconds >= running.cpu_seconds - rounding


def test_cpu_time_of_what_took_a_session_of_its_own_is_counted_too(host):
    spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    inner = f'{spin}; echo ready >"$JOBOUTPUTS/ready"; read -r go <"$JOBOUTPUTS/go"'
    request, _ = host.begin(f"#!/bin/sh\nsetsid sh -c '{inner}' &\nwait")
    (running,) = host.hypervisor.list_machines()
    assert running.cpu_seconds > 0.02
    host.hypervisor.destroy(request.machine.id)


def test_no_zombie_of_ours_is_left(host):
    request = host.request("#!/bin/sh\nexit 0")
    pid = int(host.hypervisor.create(request)["supervisor_pid"])
    begun_and_ended = [host.news.get(timeout=60) for _ in range(2)]
    assert begun_and_ended == [request.machine.id] * 2
    assert process(pid) is None


def gone(pid):
    found = process(pid)
    return found is None or not found.alive


LEAVER = """#!/bin/sh
setsid sh -c 'echo $$ >"$JOBOUTPUTS/ready"; exec sleep 600' &
wait
"""


def test_a_process_that_left_the_group_is_ended_with_the_machine(host):
    request, (pid,) = host.begin(LEAVER)
    assert not gone(int(pid))
    host.hypervisor.destroy(request.machine.id)
    assert gone(int(pid))


def test_a_process_that_outlives_its_program_is_ended_when_the_machine_is_cleared(host):
    request, (pid,) = host.begin(LEAVER.replace("wait", "exit 0"))
    assert host.ended(request.machine.id).exit_code == 0
    assert not gone(int(pid))
    host.hypervisor.destroy(request.machine.id)
    assert gone(int(pid))


def test_a_process_that_left_the_group_and_cleared_its_environment_is_ended_with_its_parents(host):
    request, (pid,) = host.begin(LEAVER.replace("setsid sh", 'env -i JOBOUTPUTS="$JOBOUTPUTS" setsid sh'))
    host.hypervisor.destroy(request.machine.id)
    assert gone(int(pid))


def test_a_fork_bomb_of_modest_size_is_ended(host):
    request, _ = host.begin(
        "#!/bin/sh\nmany() { while :; do sleep 600 & wait; done; }\n"
        'for i in 1 2 3 4 5 6 7 8; do many & done\necho ready >"$JOBOUTPUTS/ready"\nwait'
    )
    host.hypervisor.destroy(request.machine.id)
    assert members(request.machine.id, None, processes()) == []


def test_limits_hold_for_the_program(host):
    options = ProcessMachine(
        process_niceness=7, process_file_size_mb=1, process_open_files=64, process_memory="address_space"
    )
    script = "#!/bin/sh\nnice; ulimit -f; ulimit -n; ulimit -v; ulimit -c"
    _, directory = host.run(script, options=options, of=machine(memory_bytes=2**30))
    niceness, file_size, open_files, memory, core = map(int, log(directory).split())
    assert (niceness, open_files, core) == (max(7, os.nice(0)), 64, 0)
    assert file_size * 512 == 2**20
    assert memory * 1024 == 2**30


def test_a_guest_cannot_write_a_file_beyond_what_it_was_granted(host):
    options = ProcessMachine(process_file_size_mb=1)
    script = '#!/bin/sh\nhead -c 10000000 /dev/zero >"$JOBOUTPUTS/huge"\nexit 0'
    _, directory = host.run(script, options=options)
    assert (directory / "joboutputs" / "huge").stat().st_size == 2**20


def test_signals_that_the_factory_ignores_are_not_ignored_by_machines(host):
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN
    _, directory = host.run("#!/bin/sh\ngrep SigIgn /proc/self/status")
    ignored = int(log(directory).split()[1], 16)
    assert ignored & (1 << (signal.SIGPIPE - 1)) == 0
    assert ignored & (1 << (signal.SIGTERM - 1)) == 0


def test_no_file_of_the_factory_is_open_in_a_machine(host, tmp_path):
    with (tmp_path / "private").open("w"):
        _, directory = host.run("#!/bin/sh\nls -l /proc/$$/fd")
    assert "private" not in log(directory)
    assert "pipe:" not in log(directory)


def test_a_machine_cannot_put_its_log_elsewhere_by_a_link(host, tmp_path):
    request = host.request("#!/bin/sh\necho mine")
    (request.directory / "joboutputs" / "user_data.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PluginError, match="symbolic links"):
        host.hypervisor.create(request)
    assert not (tmp_path / "elsewhere").exists()
    assert host.hypervisor.list_machines() == []


def test_what_a_machine_left_in_its_directory_is_removed_however_deep_and_locked(host):
    deep = "/".join("d" * 50)
    script = (
        "#!/bin/sh\nmkdir locked && touch locked/file && chmod 000 locked\n"
        f"ln -s / root\nfor i in $(seq 30); do mkdir -p {deep} && cd {deep}; done\nexit 0"
    )
    seen, directory = host.run(script)
    host.hypervisor.destroy(seen.machine_id)
    assert sorted(one.name for one in directory.iterdir()) == ["jobfeatures", "joboutputs", "machinefeatures"]


def test_ids_that_no_machine_can_have_touch_nothing(host, tmp_path):
    precious = tmp_path / "state" / "precious"
    precious.write_text("kept")
    for machine_id in ("../precious", "..", ".", "", "/etc", "a/b", "x" * 65):
        host.hypervisor.destroy(machine_id)
        host.hypervisor.request_stop(machine_id)
    assert precious.read_text() == "kept"
    with pytest.raises(PluginError, match="cannot be a machine's id"):
        host.hypervisor.create(host.request("#!/bin/sh", of=attrs.evolve(machine(), id="a_b.c")))


def test_a_directory_that_is_not_there_is_said_to_be_missing_and_nothing_is_left(host):
    request = host.request("#!/bin/sh")
    missing = attrs.evolve(request, directory=request.directory / "missing")
    with pytest.raises(PluginError, match=r"missing.*No such file"):
        host.hypervisor.create(missing)
    assert host.hypervisor.list_machines() == []


def test_a_machine_that_is_destroyed_while_it_is_made_leaves_nothing(host, monkeypatch):
    request = host.request('#!/bin/sh\necho ran >"$JOBOUTPUTS/ran"')
    write = Record.write
    noted = []

    def write_and_be_destroyed(record, supervised):
        write(record, supervised)
        noted.append(supervised)
        host.hypervisor.destroy(record.machine_id)

    monkeypatch.setattr(Record, "write", write_and_be_destroyed)
    with pytest.raises(PluginError, match=request.machine.id):
        host.hypervisor.create(request)
    (supervised,) = noted
    assert gone(supervised.pid)
    assert supervised.cgroup is None or not Path(supervised.cgroup).exists()
    assert not (request.directory / "process").exists()
    assert not (request.directory / "joboutputs" / "ran").exists()
    assert host.hypervisor.list_machines() == []


def test_a_request_to_stop_is_not_lost_on_a_program_that_has_only_just_begun(host):
    for _ in range(10):
        request = host.request("#!/bin/sh\nexec sleep 600")
        host.hypervisor.create(request)
        host.hypervisor.request_stop(request.machine.id)
        assert host.ended(request.machine.id).ended


def test_a_machine_that_has_only_just_begun_is_held_still_and_can_be_ended(host):
    for _ in range(10):
        request = host.request("#!/bin/sh\nexec sleep 600")
        host.hypervisor.create(request)
        host.hypervisor.pause(request.machine.id)
        (seen,) = host.hypervisor.list_machines()
        assert seen.paused
        host.hypervisor.request_stop(request.machine.id)
        assert host.ended(request.machine.id).ended
        host.hypervisor.destroy(request.machine.id)


def test_a_state_directory_that_cannot_be_used_is_said_to_be_so(tmp_path):
    at = make_home(tmp_path)
    (at.state_dir / "machines").write_text("in the way")
    with pytest.raises(PluginError, match="the factory may write"):
        ProcessHypervisor().start(at)


def test_it_says_what_it_needs_of_the_host_and_how_machines_are_held(host):
    health = host.hypervisor.health()
    if os.geteuid() == 0:
        assert (health.state, health.mend) == ("degraded", "run the factory as a user of its own")
    else:
        assert health.state == "healthy"
        assert "machines" in health.found
