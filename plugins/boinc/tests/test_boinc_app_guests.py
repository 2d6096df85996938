"""BOINC applications in real virtual machines of the real daemon, by a directory that both of them write."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import needed
from image_server import wait_until
from system.daemon_kit import shell

needed("libvirt")

from cloud_guest import cloud_guest  # noqa: E402 - they want it too
from guest_host import GuestHost, guest_host, made_from, outcome, outputs, started  # noqa: E402
from guest_packages import WHOLE_KERNEL  # noqa: E402
from tiny_guest import tiny_guest  # noqa: E402

from vac_core.context.delivery import DELIVERIES  # noqa: E402
from vac_core.context.seed import seed_image  # noqa: E402
from vac_core.testing import machine  # noqa: E402
from vac_core.testing.makers import context  # noqa: E402

pytestmark = pytest.mark.system

JOB = """<vbox_job>
  <os_name>Linux26_64</os_name>
  <memory_size_mb>512.0</memory_size_mb>
  <enable_network/>
  <enable_remotedesktop/>
  <enable_shared_directory/>
  <copy_to_shared>init_data.xml</copy_to_shared>
  <copy_to_shared>input</copy_to_shared>
  <completion_trigger_file>shutdown</completion_trigger_file>
  <fraction_done_filename>part</fraction_done_filename>
  <heartbeat_filename>heartbeat</heartbeat_filename>
  <minimum_heartbeat_interval>1200</minimum_heartbeat_interval>
  <enable_vm_savestate_usage/>
</vbox_job>
"""
ONE = "max_starting = 1\ntotal_processors = 1\n"
MOUNTED = ("mkdir -p /shared", "mount -t virtiofs shared /shared || exit 1", "cd /shared")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GuestHost]:
    with guest_host(tmp_path / "f") as one:
        yield one


def machinetype(host: GuestHost, *lines: str, job: str = JOB, **options: Any) -> str:
    """A section of tiny guests whose own program these lines are."""
    host.daemon.directory.mkdir(parents=True, exist_ok=True)
    (host.daemon.directory / "vbox_job.xml").write_text(job)
    (host.daemon.directory / "input").write_text("42 events\n")
    given = {
        "contextualiser": "boinc-app",
        "mb_per_processor": 512,
        "boinc_app_job": host.daemon.directory / "vbox_job.xml",
        "boinc_app_outputs": "result",
        "grace_seconds": 5,
    }
    return host.tiny("theory", shell(*lines), **{**given, **options})


def without_user_data(section: str) -> str:
    return "".join(line for line in section.splitlines(keepends=True) if not line.startswith("user_data"))


def progress(host: GuestHost, machine_id: str) -> Any:
    """How far the factory says that a machine is."""
    [one] = [one for one in host.daemon.control.get("/machines")["machines"] if one["id"] == machine_id]
    return one["progress"]


def test_a_guest_does_its_job_across_a_killed_daemon_and_knows_of_no_factory(host: GuestHost) -> None:
    host.write_site(
        machinetype(
            host,
            *MOUNTED,
            "grep -q '<app_init_data>' init_data.xml || exit 1",
            "touch heartbeat",
            "cp input result",
            "echo 0.5 >part",
            "until [ -f go ]; do sleep 1; done",
            "printf '0\\n0\\nall well\\n' >shutdown",
            "while :; do sleep 1; done",
        ),
        "total_processors = 1\n",
    )
    host.daemon.start()
    machine_id = started(host, "theory")
    shared = host.daemon.state.machine(machine_id) / "shared"
    wait_until(lambda: progress(host, machine_id) == 0.5, seconds=300)
    host.daemon.signal(signal.SIGKILL)
    host.daemon.start()
    host.daemon.control.post("/drain", {"reason": "one is enough"})
    (shared / "go").touch()
    assert outcome(host, machine_id) == "200 Success: all well"
    left = outputs(host, machine_id)
    assert (left["fraction_done"], left["result"]) == ("0.5000\n", "42 events\n")
    assert left["shutdown_message"].strip() == "200 Success: all well"
    assert not shared.exists()
    assert host.left_of_machines() == []
    assert "42 events" not in str(made_from(host, machine_id))


def test_an_image_with_cloud_init_has_the_directory_without_any_user_data(host: GuestHost) -> None:
    image = cloud_guest()
    given = {"machine_model": "kernel", "kernel": image.kernel, "initrd": image.initrd, "root_image": image.disk}
    job = JOB.replace("</vbox_job>", "<copy_to_shared>entrypoint</copy_to_shared></vbox_job>")
    section = without_user_data(machinetype(host, job=job, cmdline="net.ifnames=0", **given))
    done = shell("cd /shared", "tr a-z A-Z <input >result", "printf '0\\n' >shutdown", "sleep 600")
    (host.daemon.directory / "entrypoint").write_text(done)
    host.write_site(section, ONE)
    host.daemon.start()
    machine_id = started(host, "theory")
    wait_until(lambda: host.daemon.events("cleared", machine=machine_id) != [], seconds=1200)
    assert outputs(host, machine_id)["result"] == "42 EVENTS\n", host.console(machine_id)
    assert host.daemon.events("gone", machine=machine_id)[0]["reason"] == "200 Success"


def test_a_guest_of_cernvm_s_time_reads_its_floppy_and_its_cd(host: GuestHost) -> None:
    guest = tiny_guest(WHOLE_KERNEL, "floppy", "ahci")
    job = """<vbox_job><enable_network/><enable_floppyio/><enable_cern_dataformat/><enable_isocontextualization/>
    <enable_cache_disk/><job_duration>21600</job_duration></vbox_job>"""
    lines = (
        "outputs=##user_data_joboutputs_url##",
        "put $outputs/floppy \"$(dd if=/dev/fd0 bs=1 skip=14335 count=200 2>/dev/null | tr -d '\\000')\"",
        "mkdir /cd; mount -t iso9660 -o ro /dev/sr0 /cd",
        'put $outputs/cd "$(head -n 1 /cd/user-data)"',
    )
    section = machinetype(host, *lines, job=job, kernel=guest.kernel, initrd=guest.initrd)
    (host.daemon.directory / "vm_isocontext.iso").write_bytes(seed("#!/bin/sh\n"))
    host.write_site(section, ONE)
    host.daemon.start()
    machine_id = started(host, "theory")
    assert outcome(host, machine_id) == "700 It ended before it had said that it was done"
    left = outputs(host, machine_id)
    assert left["floppy"].splitlines()[0] == "BOINC_USERNAME=vac"
    assert "BOINC_HOSTID=0" in left["floppy"].splitlines()
    assert left["cd"] == "#!/bin/sh"


def seed(user_data: str) -> bytes:
    """A CD with this user data, as those who publish a context make it."""
    return seed_image(context(machine(), user_data=user_data.encode()), DELIVERIES["nocloud"])


def test_a_hostile_guest_is_believed_nothing_and_cleared_away(host: GuestHost) -> None:
    deep = "i=0; while [ $i -lt 1500 ]; do mkdir d && cd d; i=$((i + 1)); done"
    mess = ("mkfifo shutdown", "ln -s /etc/passwd part", "ln -s /etc/shadow result", "mknod heartbeat b 8 0")
    host.write_site(machinetype(host, *MOUNTED, *mess, deep, "sleep 600"), ONE)
    host.daemon.start()
    machine_id = started(host, "theory")
    assert "shared holds directories more than 32 deep" in outcome(host, machine_id)
    assert set(outputs(host, machine_id)) <= {"fraction_done", "shutdown_message"}
    assert not (host.daemon.state.machine(machine_id) / "shared").exists()
    assert host.left_of_machines() == []


def test_a_guest_that_ends_without_a_word_has_failed(host: GuestHost) -> None:
    host.write_site(machinetype(host, *MOUNTED, "echo rubbish >result"), ONE)
    host.daemon.start()
    machine_id = started(host, "theory")
    assert outcome(host, machine_id) == "700 It ended before it had said that it was done"
    assert outputs(host, machine_id)["result"] == "rubbish\n"
    assert host.left_of_machines() == []
