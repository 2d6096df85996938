"""The daemon itself, with real processes as machines: its whole life, its deaths and its restarts."""

from __future__ import annotations

import resource
import signal
import socket
from pathlib import Path

import pytest
from image_server import wait_until
from system.daemon_kit import Daemon, Gate, processes_of, shell

pytestmark = pytest.mark.system


@pytest.fixture
def gates(tmp_path: Path) -> tuple[Gate, Gate]:
    """Where a machine says that it runs, and where it waits to be let go."""
    return Gate(tmp_path / "running"), Gate(tmp_path / "go")


def waiting(gates: tuple[Gate, Gate], *more: str) -> str:
    """A user_data that tells that it runs, waits, and then does more."""
    running, go = gates
    return shell(f"echo $VAC_MACHINE_ID > {running.path}", f"read word < {go.path}", *more)


def test_a_machine_reads_its_features_works_and_leaves_its_message(daemon: Daemon) -> None:
    script = shell(
        "cpus=$(cat $JOBFEATURES/allocated_cpu) total=$(cat $MACHINEFEATURES/total_cpu)",
        'echo "200 did it on $cpus of $total" > $JOBOUTPUTS/shutdown_message',
    )
    daemon.write_site(daemon.machinetype("lhcb", script))
    daemon.start()
    cleared = daemon.wait_for(event_what="cleared")
    assert cleared["machine_outcome"] == "200 did it on 1 of 2"
    happened = [event["what"] for event in daemon.events(machine=cleared["machine_id"])]
    # One that is this quick may have ended before it is seen to run.
    assert [what for what in happened if what != "seen_running"] == ["planned", "created", "gone", "cleared"]
    assert daemon.signal(signal.SIGTERM) == 0


def test_machines_outlive_a_killed_daemon_and_are_adopted(daemon: Daemon, gates: tuple[Gate, Gate]) -> None:
    running, go = gates
    script = waiting(gates, "echo '200 after all' > $JOBOUTPUTS/shutdown_message")
    daemon.write_site(daemon.machinetype("lhcb", script), "total_processors = 1\n")
    daemon.start()
    machine_id = running.wait()
    daemon.signal(signal.SIGKILL)
    assert processes_of(machine_id)
    daemon.start()
    adopted = daemon.control.get("/machines")["machines"]
    assert machine_id in {machine["id"] for machine in adopted}
    go.open()
    gone = daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"] == "200 after all"


def test_sigterm_leaves_the_machines_alone(daemon: Daemon, gates: tuple[Gate, Gate]) -> None:
    running, _ = gates
    daemon.write_site(daemon.machinetype("lhcb", waiting(gates)), "total_processors = 1\n")
    daemon.start()
    machine_id = running.wait()
    assert daemon.signal(signal.SIGTERM) == 0
    assert processes_of(machine_id)


def test_a_second_daemon_on_the_same_state_directory_is_refused(daemon: Daemon) -> None:
    daemon.write_site("")
    daemon.start()
    second = daemon.run_to_end()
    assert second.returncode == 1
    assert f"another factory (process {daemon.process.pid if daemon.process else 0})" in second.stderr
    assert "--state-dir" in second.stderr


def test_a_state_directory_that_cannot_be_made_is_named(daemon: Daemon) -> None:
    daemon.write_site("")
    daemon.state.path.mkdir()
    daemon.state.machines.write_text("a file stands where a directory should be", "utf-8")
    refused = daemon.run_to_end()
    assert refused.returncode == 1
    assert f"state directory {daemon.state.path}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_broken_site_file_at_start_is_explained(daemon: Daemon) -> None:
    daemon.write_site("", "total_processors = many\n")
    refused = daemon.run_to_end()
    assert refused.returncode == 1
    assert "vac.conf:" in refused.stderr
    assert "'many' is not a whole number" in refused.stderr


def test_site_files_that_break_later_leave_the_last_good_reading_in_force(daemon: Daemon) -> None:
    daemon.write_site("")
    daemon.start()
    daemon.write_site("", "draining = perhaps\n")
    daemon.wait_for(message="the site files are broken")
    config = daemon.control.get("/status")["config"]
    assert config["stale"]
    assert any("'perhaps' is neither yes nor no" in problem for problem in config["problems"])
    daemon.write_site("", "draining = yes\n")
    daemon.wait_for(message="the site files or pipes have changed")
    status = daemon.control.get("/status")
    assert (status["draining"], status["config"]["stale"]) == (True, False)


def test_a_daemon_that_is_killed_while_files_are_broken_comes_back_with_the_last_good_ones(
    daemon: Daemon, gates: tuple[Gate, Gate]
) -> None:
    running, go = gates
    lhcb = daemon.machinetype("lhcb", waiting(gates, "echo '200 watched' > $JOBOUTPUTS/shutdown_message"))
    daemon.write_site(lhcb, "total_processors = 1\n")
    daemon.start()
    machine_id = running.wait()
    daemon.write_site(lhcb, "draining = perhaps\n")
    daemon.signal(signal.SIGKILL)
    daemon.start()
    status = daemon.control.get("/status")
    assert status["config"]["stale"]
    assert machine_id in {machine["id"] for machine in status["machines"]}
    go.open()
    assert daemon.wait_for(event_what="gone", machine_id=machine_id)["machine_outcome"] == "200 watched"


def test_a_plugin_that_failed_is_told_of_in_the_log(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "packages" / "vac_dive-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: vac-dive\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[vac]\ndive = fake_no_such_module\n")
    monkeypatch.setenv("PYTHONPATH", str(about.parent))
    daemon.write_site("")
    daemon.start()
    told = daemon.wait_for(message="plugin dive: ")
    assert "fake_no_such_module" in told["message"]
    assert told["levelname"] == "ERROR"


def test_how_far_a_machine_says_it_is_is_seen_by_who_watches(daemon: Daemon, gates: tuple[Gate, Gate]) -> None:
    running, _ = gates
    script = shell("echo 0.25 > $JOBOUTPUTS/fraction_done", *waiting(gates).splitlines()[1:])
    daemon.write_site(daemon.machinetype("theory", script), "total_processors = 1\npass_seconds = 0.2\n")
    daemon.start()
    running.wait()
    wait_until(lambda: [one["progress"] for one in daemon.control.get("/machines")["machines"]] == [0.25])
    shown = daemon.cli("top", "--once").stdout
    assert next(line for line in shown.splitlines() if "25%" in line).split()[1:3] == ["theory", "25%"]


def test_stop_is_graceful_first(daemon: Daemon, gates: tuple[Gate, Gate]) -> None:
    running, _ = gates
    script = shell(
        "trap 'echo \"100 told to\" > $JOBOUTPUTS/shutdown_message; exit 0' TERM",
        f"echo $VAC_MACHINE_ID > {running.path}",
        "while :; do sleep 0.05; done",
    )
    daemon.write_site(daemon.machinetype("lhcb", script, grace_seconds=50), "total_processors = 1\n")
    daemon.start()
    machine_id = running.wait()
    daemon.control.post("/drain", {"reason": "test"})
    daemon.control.post("/stop", {"machine": machine_id, "reason": "enough"})
    gone = daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"] == "100 told to"


def test_a_machine_that_ignores_the_request_is_destroyed_after_its_grace(
    daemon: Daemon, gates: tuple[Gate, Gate]
) -> None:
    running, _ = gates
    script = shell("trap '' TERM", f"echo $VAC_MACHINE_ID > {running.path}", "while :; do sleep 0.05; done")
    daemon.write_site(daemon.machinetype("lhcb", script, grace_seconds=1), "total_processors = 1\n")
    daemon.start()
    machine_id = running.wait()
    daemon.control.post("/drain", {"reason": "test"})
    daemon.control.post("/stop", {"machine": machine_id, "reason": "enough"})
    gone = daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"].startswith("100 Shutdown as requested")
    daemon.wait_for(event_what="cleared", machine_id=machine_id)
    assert processes_of(machine_id) == []


def test_a_machine_that_floods_its_outputs_is_ended(daemon: Daemon) -> None:
    script = shell(
        "i=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero > $JOBOUTPUTS/junk$i; i=$((i+1)); done", "sleep 600"
    )
    machinetype = daemon.machinetype("flood", script, grace_seconds=1)
    daemon.write_site(machinetype, "joboutputs_max_mb = 1\ntotal_processors = 1\n")
    daemon.start()
    gone = daemon.wait_for(event_what="gone")
    assert gone["machine_outcome"].startswith("700 Job outputs over their limits")


def test_user_data_that_is_no_program_disables_its_machinetype_alone(daemon: Daemon) -> None:
    good = daemon.machinetype("good", shell("echo '200 fine' > $JOBOUTPUTS/shutdown_message", "sleep 1"))
    bad = daemon.machinetype("bad", "this is no program\n")
    daemon.write_site(good + bad)
    daemon.start()
    assert daemon.wait_for(event_what="gone", machinetype="good")["machine_outcome"] == "200 fine"
    disabled = daemon.control.get("/status")["disabled"]
    assert set(disabled) == {"bad"}
    assert "bad" in daemon.cli("why", "bad").stdout


def test_an_option_that_is_read_once_is_named_when_it_changes(daemon: Daemon) -> None:
    daemon.write_site("")
    daemon.start()
    daemon.write_site("", "policies = backoff target-shares\n")
    daemon.wait_for(message="restart it, its machines will go on")
    assert "[settings] policies" in daemon.control.get("/status")["troubles"]["restart"]


def test_sighup_has_the_site_files_read_again(daemon: Daemon) -> None:
    daemon.write_site("")
    daemon.start()
    before = daemon.control.get("/status")["config"]["read"]
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    daemon.write_site(daemon.machinetype("lhcb", shell("exec sleep 600")))
    daemon.wait_for(event_what="planned", machinetype="lhcb")
    assert daemon.control.get("/status")["config"]["read"] > before


def test_hostile_datagrams_leave_the_factory_answering(daemon: Daemon) -> None:
    daemon.write_site("")
    daemon.start()
    junk = [b"", b"1", b"null", b"[]", b"{", b"NaN", b'{"message_type": 7}', b"\xff" * 1400, b"[" * 60000]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(2000):
            stranger.sendto(junk[number % len(junk)], ("127.0.0.1", daemon.port))
    assert list(daemon.json("factories")["factories"]) == ["wn01.example.org"]


def test_a_full_disk_stops_starts_and_loses_nothing(daemon: Daemon, gates: tuple[Gate, Gate]) -> None:
    running, go = gates
    script = waiting(gates, "echo '200 before the disk was full' > $JOBOUTPUTS/shutdown_message")
    daemon.write_site(daemon.machinetype("lhcb", script), "total_processors = 1\n")
    daemon.start()
    machine_id = running.wait()
    daemon.control.post("/drain", {"reason": "one is enough"})
    assert daemon.process is not None
    unlimited = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    # No file of the daemon's can grow now, as on a full disk; the machine's own limits are as they were.
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
    go.open()
    daemon.wait_for(message="this pass could not be finished")
    assert "check the disk" in daemon.control.get("/status")["troubles"]["pass"]
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, unlimited)
    gone = daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"] == "200 before the disk was full"
