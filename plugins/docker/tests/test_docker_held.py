"""How containers are held: what takes too much, does not heed, or fills its outputs, and what is not ours."""

from __future__ import annotations

import time

import pytest
from docker_kit import IMAGE, client_of
from docker_site import UNTIL_TOLD, Site
from image_server import wait_until

pytestmark = pytest.mark.system

STRANGER = "wn01-00.example.org"
"""The name that the first slot's container would have."""


def test_a_container_that_takes_too_much_memory_is_ended_and_it_is_said_why(site: Site) -> None:
    greedy = 'awk \'BEGIN { one = sprintf("%1048576s", ""); for (;;) all = all one }\''
    site.write(site.machinetype("lhcb", greedy, "exit 3"), settings="max_starting = 1\n")
    site.daemon.start()
    gone = site.daemon.wait_for(event_what="gone")
    assert "out of memory" in str(gone)


def test_a_fork_bomb_is_held_by_the_limit_of_processes_and_ended(site: Site) -> None:
    site.write(
        site.machinetype(
            "lhcb", "touch $JOBOUTPUTS/up", "bomb() { bomb | bomb & }", "bomb", "exec sleep 600", container_pids=50
        ),
        settings="max_starting = 1\n",
    )
    site.daemon.start()
    machine_id = site.daemon.wait_for(event_what="seen_running")["machine_id"]
    wait_until(lambda: "fork" in site.daemon.cli("logs", machine_id).stdout)
    with client_of(site.host) as client:
        (found,) = client.containers(filters={"label": f"vac.machine={machine_id}"})
        assert client.stats(found["Id"], stream=False)["pids_stats"]["current"] <= 50
    site.daemon.control.post("/drain", {"reason": "enough", "until": time.time()})
    site.daemon.wait_for(event_what="cleared", machine_id=machine_id)
    assert machine_id not in site.states()


def test_a_container_that_fills_its_outputs_is_stopped_and_the_host_s_disk_is_safe(site: Site) -> None:
    fill = "i=0; while :; do dd if=/dev/zero of=$JOBOUTPUTS/$i bs=1M count=1 2>/dev/null; i=$((i + 1)); sleep 0.1; done"
    site.write(site.machinetype("lhcb", fill, grace_seconds=1), settings="joboutputs_max_mb = 4\nmax_starting = 1\n")
    site.daemon.start()
    gone = site.daemon.wait_for(event_what="gone")
    assert "more than 4 MiB" in str(gone)


def test_a_container_that_does_not_heed_is_ended_after_its_grace(site: Site) -> None:
    stubborn = "trap '' TERM; touch $JOBOUTPUTS/up; while :; do sleep 1; done"
    site.write(site.machinetype("lhcb", stubborn, grace_seconds=1), settings="max_starting = 1\n")
    site.daemon.start()
    machine_id = site.daemon.wait_for(event_what="seen_running")["machine_id"]
    wait_until(site.output(machine_id, "up").exists)
    site.daemon.control.post("/drain", {"reason": "enough", "until": time.time()})
    site.daemon.wait_for(event_what="cleared", machine_id=machine_id)
    assert machine_id not in site.states()


def test_a_container_is_given_its_time_when_it_is_asked_to_end(site: Site) -> None:
    heeding = "trap 'echo \"200 asked\" > $JOBOUTPUTS/shutdown_message; exit 0' TERM; touch $JOBOUTPUTS/up"
    site.write(
        site.machinetype("lhcb", heeding, "while :; do sleep 0.2; done", grace_seconds=60),
        settings="max_starting = 1\n",
    )
    site.daemon.start()
    machine_id = site.daemon.wait_for(event_what="seen_running")["machine_id"]
    wait_until(site.output(machine_id, "up").exists)
    assert site.daemon.cli("stop", machine_id).returncode == 0
    gone = site.daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"] == "200 asked"


def test_a_strangers_container_with_the_name_of_a_slot_is_left_alone(site: Site) -> None:
    with client_of(site.host) as client:
        stranger = client.create_container(IMAGE, ["/bin/sleep", "600"], name=STRANGER)["Id"]
        client.start(stranger)
        site.write(site.machinetype("lhcb", UNTIL_TOLD))
        site.daemon.start()
        failed = site.daemon.wait_for(event_what="creation_failed")
        assert STRANGER in str(failed)
        site.daemon.wait_for(event_what="cleared", machine_id=failed["machine_id"])
        site.daemon.wait_for(event_what="seen_running")
        assert client.inspect_container(stranger)["State"]["Running"]
        assert "wn01-00" in site.daemon.cli("history").stdout


def test_a_container_of_another_factory_on_the_same_engine_is_left_alone(site: Site) -> None:
    with client_of(site.host) as client:
        labels = {"vac.space": "vac01.example.org", "vac.factory": "wn02.example.org", "vac.machine": "another"}
        other = client.create_container(IMAGE, ["/bin/sleep", "600"], labels=labels, name="wn02-00.example.org")["Id"]
        client.start(other)
        site.write(site.machinetype("lhcb", "exit 0"), settings="max_starting = 1\n")
        site.daemon.start()
        site.daemon.wait_for(event_what="cleared")
        site.daemon.control.post("/drain", {"reason": "enough", "until": time.time()})
        assert client.inspect_container(other)["State"]["Running"]
        assert "another" not in {machine["id"] for machine in site.daemon.control.get("/machines")["machines"]}


def test_a_machinetype_whose_cvmfs_is_absent_waits_with_the_reason_and_starts_when_it_is_there(site: Site) -> None:
    root = site.daemon.directory / "cvmfs"
    seen = "ls /cvmfs/lhcb.cern.ch > $JOBOUTPUTS/seen; touch /cvmfs/lhcb.cern.ch/x 2>/dev/null || " + UNTIL_TOLD
    wanting = site.machinetype("lhcb", seen, cvmfs_repositories="lhcb.cern.ch")
    site.write(wanting, plugin=f"cvmfs_root = {root}\ncvmfs_seconds = 5\n")
    root.mkdir()
    # What is mounted on the host later can only be seen inside where the host shares it, as it does CVMFS.
    site.host.box.run(["mount", "--bind", root, root])
    site.host.box.run(["mount", "--make-rshared", root])
    site.daemon.start()
    wait_until(lambda: "see that the host mounts it" in site.why("lhcb"))
    assert site.daemon.events("planned") == []
    (root / "lhcb.cern.ch").mkdir()
    (root / "lhcb.cern.ch" / "software").touch()
    machine_id = site.daemon.wait_for(event_what="seen_running")["machine_id"]
    wait_until(site.output(machine_id, "up").exists)
    assert site.output(machine_id, "seen").read_text() == "software\n"
