"""Real virtual machines through the real daemon: they boot, read their context, call home, and end in every way."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest
from guest_host import GuestHost, guest_host, outcome, outputs, started
from image_server import wait_until
from system.daemon_kit import shell
from vac_libvirt.weight import cpu_shares

pytestmark = pytest.mark.system

HOME = "outputs=##user_data_joboutputs_url##"
UNTIL_LET_GO = "until get ##user_data_machinefeatures_url##/go; do sleep 1; done"
ONE = "max_starting = 1\ntotal_processors = 1\n"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GuestHost]:
    with guest_host(tmp_path / "f") as one:
        yield one


def waiting(*more: str) -> str:
    """A user_data that puts a heartbeat, waits until it is let go, and then does more."""
    return shell(HOME, "put $outputs/heartbeat here", UNTIL_LET_GO, *more)


def wait_for_heartbeats(host: GuestHost, *machine_ids: str) -> None:
    """Wait until each of these machines has called home."""
    wait_until(lambda: all("heartbeat" in outputs(host, one) for one in machine_ids), seconds=300)


def running(host: GuestHost) -> list[str]:
    """Ids of the machines that the factory knows and that have not ended."""
    return [one["id"] for one in host.daemon.control.get("/machines")["machines"] if one["state"] != "ended"]


def test_a_guest_reads_its_context_calls_home_and_powers_off(host: GuestHost) -> None:
    script = shell(
        HOME,
        'put $outputs/heartbeat "$(cat /proc/uptime)"',
        "cpus=$(get ##user_data_jobfeatures_url##/allocated_cpu)",
        "total=$(get ##user_data_machinefeatures_url##/total_cpu)",
        'put $outputs/names "$(hostname) $(get ##user_data_jobfeatures_url##/job_id)"',
        'put $outputs/shutdown_message "200 did it on $cpus of $total"',
    )
    host.write_site(host.tiny("lhcb", script), ONE)
    host.daemon.start()
    machine_id = started(host)
    assert outcome(host, machine_id) == "200 did it on 1 of 1"
    happened = host.daemon.events(machine=machine_id)
    assert [event["what"] for event in happened] == ["planned", "created", "seen_running", "gone", "cleared"]
    assert outputs(host, machine_id)["names"] == f"wn01-00 {machine_id}"
    assert "tiny: has the seed on /dev/vdb" in host.console(machine_id)
    ended = happened[-1]["machine"]
    assert ended["cpu_seconds"] > 0
    assert ended["created"] <= ended["started"] < ended["ended"]
    assert host.left_of_machines() == []
    assert host.daemon.signal(signal.SIGTERM) == 0


def test_a_guest_gives_way_to_other_programs_where_the_site_says_so(host: GuestHost) -> None:
    host.write_site(host.tiny("lhcb", waiting(), cpu_weight=1), ONE)
    host.daemon.start()
    machine_id = started(host)
    with libvirt.open(host.libvirt.uri) as connection:
        weighs = connection.lookupByUUIDString(machine_id).schedulerParameters()["cpu_shares"]
    assert weighs == cpu_shares(1, 1)
    host.let_go(machine_id)
    outcome(host, machine_id)


def test_eight_guests_outlive_a_killed_daemon_and_are_adopted(host: GuestHost) -> None:
    machinetype = host.tiny("lhcb", waiting('put $outputs/shutdown_message "200 after all"'))
    host.write_site(machinetype, "total_processors = 8\noverload_per_processor = 1000\n")
    host.daemon.start()
    machine_ids = sorted(host.daemon.wait_for(event_what="created")["machine_id"] for _ in range(8))
    host.daemon.control.post("/drain", {"reason": "eight are enough"})
    wait_for_heartbeats(host, *machine_ids)
    before = domains(host)
    host.daemon.signal(signal.SIGKILL)
    assert domains(host) == before
    host.daemon.start()
    assert sorted(running(host)) == machine_ids
    assert domains(host) == before
    for machine_id in machine_ids:
        host.let_go(machine_id)
    cleared = sorted(host.daemon.wait_for(event_what="cleared")["machine_id"] for _ in range(8))
    assert cleared == machine_ids
    assert {str(gone["reason"]) for gone in host.daemon.events("gone")} == {"200 after all"}
    assert host.left_of_machines() == []


def domains(host: GuestHost) -> dict[str, int]:
    """The number that libvirt has given each running domain, by its UUID: another start has another."""
    with libvirt.open(host.libvirt.uri) as connection:
        return {one.UUIDString(): one.ID() for one in connection.listAllDomains()}


def test_guests_run_on_while_libvirt_is_away_and_their_ends_are_seen_after(host: GuestHost) -> None:
    machinetype = host.tiny("lhcb", waiting('put $outputs/shutdown_message "200 all the same"'))
    host.write_site(machinetype, "total_processors = 2\n")
    host.daemon.start()
    first, second = (host.daemon.wait_for(event_what="created")["machine_id"] for _ in range(2))
    host.daemon.control.post("/drain", {"reason": "two are enough"})
    wait_for_heartbeats(host, first, second)
    host.libvirt.end()
    host.let_go(first)
    wait_until(lambda: "shutdown_message" in outputs(host, first))
    host.libvirt.begin()
    assert outcome(host, first) == "200 all the same"
    assert running(host) == [second]
    host.let_go(second)
    assert outcome(host, second) == "200 all the same"
    assert host.left_of_machines() == []


def test_a_guest_that_never_boots_is_ended_for_its_missing_heartbeat(host: GuestHost) -> None:
    options = {"heartbeat_file": "heartbeat", "fizzle_seconds": 2, "grace_seconds": 1}
    host.write_site(host.tiny("lhcb", waiting(), cmdline="tiny.start=hang", **options), ONE)
    host.daemon.start()
    assert outcome(host, started(host)) == "700 Heartbeat file not created"
    assert host.left_of_machines() == []


def test_a_guest_that_loses_its_heartbeat_is_ended(host: GuestHost) -> None:
    options = {"heartbeat_file": "heartbeat", "heartbeat_seconds": 2, "grace_seconds": 1}
    host.write_site(host.tiny("lhcb", waiting(), fizzle_seconds=3600, **options), ONE)
    host.daemon.start()
    machine_id = started(host)
    wait_for_heartbeats(host, machine_id)
    # How long it takes to boot here is nobody's business: only now is it judged.
    host.write_site(host.tiny("lhcb", waiting(), fizzle_seconds=1, **options), ONE)
    assert outcome(host, machine_id) == "700 Heartbeat file not updated"
    assert host.left_of_machines() == []


def test_a_guest_whose_kernel_panics_has_ended(host: GuestHost) -> None:
    host.write_site(host.tiny("lhcb", waiting(), cmdline="tiny.start=panic"), ONE)
    host.daemon.start()
    machine_id = started(host)
    assert outcome(host, machine_id).endswith("its operating system crashed")
    assert "Kernel panic" in host.console(machine_id)
    assert host.left_of_machines() == []


@pytest.mark.parametrize(
    ("cmdline", "grace", "message"),
    [
        ("", 600, "100 Shutdown as requested by the host"),
        ("tiny.button=ignored", 1, "100 Shutdown as requested by the VM's host/hypervisor: enough"),
    ],
    ids=["heeds the power button", "does not"],
)
def test_a_guest_is_asked_to_go_and_made_to_go(host: GuestHost, cmdline: str, grace: int, message: str) -> None:
    script = waiting().replace("put $outputs/heartbeat", "echo $outputs > /run/joboutputs; put $outputs/heartbeat")
    host.write_site(host.tiny("lhcb", script, cmdline=cmdline, grace_seconds=grace), ONE)
    host.daemon.start()
    machine_id = started(host)
    wait_for_heartbeats(host, machine_id)
    host.daemon.control.post("/stop", {"machine": machine_id, "reason": "enough"})
    assert outcome(host, machine_id) == message
    assert host.left_of_machines() == []


def test_a_foreign_domain_of_the_same_name_is_left_alone(host: GuestHost) -> None:
    with libvirt.open(host.libvirt.uri) as connection:
        foreign = connection.createXML(
            "<domain type='qemu'><name>wn01-00.example.org</name><memory unit='MiB'>16</memory>"
            "<os><type>hvm</type></os></domain>"
        ).UUIDString()
        host.write_site(host.tiny("lhcb", waiting()), ONE)
        host.daemon.start()
        failed = host.daemon.wait_for(event_what="creation_failed")
        assert "wn01-00.example.org" in host.daemon.cli("why", "lhcb").stdout
        host.daemon.control.post("/drain", {"reason": "see what is left"})
        host.daemon.wait_for(event_what="cleared", machine_id=failed["machine_id"])
        assert host.left_of_machines() == ["wn01-00.example.org"]
        still = connection.lookupByName("wn01-00.example.org")
        assert (still.UUIDString(), still.isActive()) == (foreign, 1)


def test_a_full_disk_stops_starts_and_says_so_until_there_is_space(host: GuestHost) -> None:
    disks = "/var/lib/libvirt/images/vac"
    host.libvirt.box.run(["mkdir", "-p", disks])
    host.libvirt.box.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=711", "tmpfs", disks])
    host.write_site(host.tiny("lhcb", shell(HOME, 'put $outputs/shutdown_message "200 at last"')), ONE)
    host.daemon.start()
    wait_until(lambda: "disk" in host.why("lhcb") and disks in host.why("lhcb"))
    assert host.daemon.events("created") == []
    host.libvirt.box.run(["mount", "-o", "remount,size=8g", disks])
    assert outcome(host, started(host)) == "200 at last"
    assert host.left_of_machines() == []


def secrets_in_the_open(directory: Path, secret: bytes) -> list[tuple[str, str]]:
    """Files below a directory that hold a secret and that somebody but their owner may read."""
    found = []
    for path in directory.rglob("*"):
        mode: int = path.lstat().st_mode
        if path.is_file() and mode & 0o077 and secret in path.read_bytes():
            found.append((str(path), oct(mode)))
    return found


def test_a_secret_of_the_user_data_is_nowhere_in_the_open(host: GuestHost) -> None:
    secret = "a-secret-of-the-vo"
    host.write_site(host.tiny("lhcb", waiting(f": {secret}"), user_data_option_key=secret), ONE)
    host.daemon.start()
    machine_id = started(host)
    wait_for_heartbeats(host, machine_id)
    box = host.libvirt.box
    for directory in (host.daemon.state.path, box.path("/var/lib/libvirt"), box.path("/run"), box.path("/var/log")):
        assert secrets_in_the_open(directory, secret.encode()) == []
    arguments = box.run(["ps", "-e", "-ww", "-o", "args="]).stdout
    assert "wn01-00.example.org" in arguments
    assert secret not in arguments
    assert secret not in "".join(host.daemon.log)
    host.let_go(machine_id)
    outcome(host, machine_id)
