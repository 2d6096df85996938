"""Containers through the real daemon: whole lives, many at once, and the daemon's deaths."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest
from docker_site import UNTIL_TOLD, Site
from image_server import wait_until
from system.deaths import die_and_clear_up

pytestmark = pytest.mark.system

MANY = 32


def test_a_container_reads_its_features_works_and_leaves_its_message(site: Site) -> None:
    job = "id=$(cat $JOBFEATURES/job_id) cpus=$(cat $JOBFEATURES/allocated_cpu) total=$(cat $MACHINEFEATURES/total_cpu)"
    tell = 'echo "200 $(hostname) did it on $cpus of $total" > $JOBOUTPUTS/shutdown_message'
    site.write(site.machinetype("lhcb", job, "echo said on the way", f'[ "$id" = "$VAC_MACHINE_ID" ] && {tell}'))
    site.daemon.start()
    cleared = site.daemon.wait_for(event_what="cleared")
    assert cleared["machine_outcome"] == f"200 {cleared['machine_name']} did it on 1 of 2"
    directory = site.daemon.state.machines / cleared["machine_id"]
    assert {one.name for one in directory.iterdir()} == {"console.log", "jobfeatures", "joboutputs", "machinefeatures"}
    assert (directory / "console.log").read_bytes() == b"said on the way\n"
    assert site.daemon.signal(signal.SIGTERM) == 0


def test_what_a_running_container_prints_is_shown_by_vac_logs(site: Site) -> None:
    site.write(site.machinetype("lhcb", "echo said on the way", UNTIL_TOLD))
    site.daemon.start()
    machine_id = site.daemon.wait_for(event_what="seen_running")["machine_id"]
    wait_until(site.output(machine_id, "up").exists)
    assert "said on the way" in site.daemon.cli("logs", machine_id).stdout


def test_many_containers_are_made_at_once_and_all_cleared_away(site: Site) -> None:
    site.write(
        site.machinetype("lhcb", UNTIL_TOLD, "echo '200 done' > $JOBOUTPUTS/shutdown_message", tmp_binds="/scratch"),
        settings=f"total_processors = {MANY}\nmemory_overcommit = 0\n",
    )
    site.daemon.conf.write_text(site.daemon.conf.read_text().replace("total_processors = 2\n", ""))
    site.daemon.start()
    running: set[str] = set()
    while len(running) < MANY:
        running.add(site.daemon.wait_for(event_what="seen_running")["machine_id"])
    assert Counter(site.states().values())["running"] == MANY
    site.daemon.control.post("/drain", {"reason": "enough", "until": time.time() + 86400})
    for machine_id in running:
        wait_until(site.output(machine_id, "up").exists)
        site.let_go(machine_id)
    cleared: dict[str, str] = {}
    while running - cleared.keys():
        one = site.daemon.wait_for(event_what="cleared")
        cleared[one["machine_id"]] = one["machine_outcome"]
    assert {cleared[machine_id] for machine_id in running} == {"200 done"}
    assert site.containers() == []
    assert site.volumes() == []


def test_containers_outlive_a_killed_daemon_and_are_adopted(site: Site) -> None:
    site.write(site.machinetype("lhcb", UNTIL_TOLD, "echo '200 after all' > $JOBOUTPUTS/shutdown_message"))
    site.daemon.start()
    machine_id = site.daemon.wait_for(event_what="seen_running")["machine_id"]
    wait_until(site.output(machine_id, "up").exists)
    site.daemon.signal(signal.SIGKILL)
    assert site.states()[machine_id] == "running"
    site.daemon.start()
    assert machine_id in {machine["id"] for machine in site.daemon.control.get("/machines")["machines"]}
    site.let_go(machine_id)
    gone = site.daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"] == "200 after all"


@pytest.mark.parametrize("writes", range(2, 14))
def test_death_after_each_write_leaves_no_container_and_loses_no_record(site: Site, writes: int) -> None:
    quick = site.machinetype("quick", "echo '200 done' > $JOBOUTPUTS/shutdown_message", tmp_binds="/scratch")
    site.write(quick, site.machinetype("slow", "exec sleep 600"))
    assert die_and_clear_up(site.daemon, writes)
    assert site.containers() == []
    assert site.volumes() == []
