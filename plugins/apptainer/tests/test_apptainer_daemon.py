"""Containers through the real daemon: a whole life, the daemon's deaths, and why one is not made."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from image_server import ImageServer, wait_until
from real_apptainer import Installation
from system.daemon_kit import DEADLINE, Daemon, processes_of, shell
from system.deaths import die_and_clear_up
from vac_apptainer import ApptainerHypervisor
from vac_apptainer.options import ApptainerPlugin

from vac_core.testing.sweep import sweep

pytestmark = pytest.mark.system


@attrs.define
class Site:
    """A factory that makes containers, its files and its daemon."""

    daemon: Daemon
    image: Path
    program: str
    user: str | None

    def write(self, *machinetypes: str, more: str = "") -> None:
        """Write its site file; ``more`` are further lines of the plugin's section."""
        plugin = f"[plugin apptainer]\nprogram = {self.program}\n{more}"
        settings = "" if self.user is None else f"singularity_user = {self.user}\n"
        self.daemon.write_site("".join(machinetypes) + plugin, settings)

    def machinetype(self, name: str, *lines: str, **options: object) -> str:
        """A section for containers that run these lines of shell."""
        given = {"machine_model": "singularity", "root_image": self.image, **options}
        return self.daemon.machinetype(name, shell(*lines), **given)

    def output(self, machine_id: str, name: str) -> Path:
        """A file of a machine's outputs."""
        return self.daemon.state.machines / machine_id / "joboutputs" / name


@pytest.fixture
def site(tmp_path: Path, real: Installation, plugin: ApptainerPlugin, singularity_user: str | None) -> Iterator[Site]:
    one = Site(Daemon(tmp_path / "f"), real.directory_image, str(plugin.program), singularity_user)
    yield one
    if one.daemon.process is not None:
        one.daemon.signal(signal.SIGKILL)
    sweep(one.daemon.state.path, ApptainerHypervisor())


def test_a_container_reads_its_features_works_and_leaves_its_message(site: Site) -> None:
    job = "id=$(cat $JOBFEATURES/job_id) cpus=$(cat $JOBFEATURES/allocated_cpu)"
    host = "total=$(cat $MACHINEFEATURES/total_cpu)"
    tell = 'echo "200 did it on $cpus of $total" > $JOBOUTPUTS/shutdown_message'
    site.write(site.machinetype("lhcb", job, host, f'[ "$id" = "$VAC_MACHINE_ID" ] && {tell}'))
    site.daemon.start()
    cleared = site.daemon.wait_for(event_what="cleared")
    assert cleared["machine_outcome"] == "200 did it on 1 of 2"
    directory = site.daemon.state.machines / cleared["machine_id"]
    assert sorted(one.name for one in directory.iterdir()) == ["jobfeatures", "joboutputs", "machinefeatures"]
    assert site.daemon.signal(signal.SIGTERM) == 0


def test_containers_outlive_a_killed_daemon_and_are_adopted(site: Site) -> None:
    until_told = "until [ -e $JOBOUTPUTS/go ]; do sleep 0.2; done"
    site.write(
        site.machinetype(
            "lhcb", "touch $JOBOUTPUTS/up", until_told, "echo '200 after all' > $JOBOUTPUTS/shutdown_message"
        )
    )
    site.daemon.start()
    machine_id = site.daemon.wait_for(event_what="created")["machine_id"]
    wait_until(site.output(machine_id, "up").exists)
    site.daemon.signal(signal.SIGKILL)
    assert processes_of(machine_id)
    site.daemon.start()
    assert machine_id in {machine["id"] for machine in site.daemon.control.get("/machines")["machines"]}
    site.output(machine_id, "go").touch()
    gone = site.daemon.wait_for(event_what="gone", machine_id=machine_id)
    assert gone["machine_outcome"] == "200 after all"


def test_a_container_that_does_not_heed_is_ended_after_its_grace(site: Site) -> None:
    site.write(
        site.machinetype("lhcb", "trap '' TERM", "touch $JOBOUTPUTS/up", "while :; do sleep 1; done", grace_seconds=1)
    )
    site.daemon.start()
    machine_id = site.daemon.wait_for(event_what="created")["machine_id"]
    wait_until(site.output(machine_id, "up").exists)
    site.daemon.control.post("/drain", {"reason": "enough", "until": time.time()})
    site.daemon.wait_for(event_what="cleared", machine_id=machine_id)
    assert processes_of(machine_id) == []


@pytest.mark.parametrize("writes", [3, 4, 5, 6, 7, 9, 11])
def test_death_after_a_write_leaves_no_orphan_and_loses_no_record(site: Site, writes: int) -> None:
    quick = site.machinetype("quick", "echo '200 done' > $JOBOUTPUTS/shutdown_message")
    site.write(quick, site.machinetype("slow", "exec sleep 600"))
    for machine_id in die_and_clear_up(site.daemon, writes):
        assert processes_of(machine_id) == []


def test_a_machinetype_waits_for_its_image_with_the_reason_and_starts_when_it_has_come(
    site: Site, real: Installation
) -> None:
    server = ImageServer()
    try:
        url = server.serve("/system.sif", real.sif_image.read_bytes(), hold_after=100)
        script = "echo '200 fetched' > $JOBOUTPUTS/shutdown_message"
        site.write(site.machinetype("lhcb", script, root_image=url))
        site.daemon.start()
        assert server.holding.wait(DEADLINE)
        wait_until(lambda: "is being fetched" in site.daemon.cli("why", "lhcb").stdout)
        server.go_on.set()
        assert site.daemon.wait_for(event_what="cleared")["machine_outcome"] == "200 fetched"
    finally:
        server.close()


def test_a_machinetype_whose_options_are_wrong_is_refused_with_the_reason(site: Site) -> None:
    site.write(site.machinetype("lhcb", "exit 0", root_image="docker://alpine"))
    checked = site.daemon.cli("config", "check")
    assert checked.returncode == 1
    assert "of a kind that is not run here" in checked.stdout + checked.stderr


def test_a_machinetype_whose_cvmfs_is_absent_waits_with_the_reason_and_starts_when_it_is_there(
    site: Site, real: Installation
) -> None:
    root = site.daemon.directory / "cvmfs"
    tell = 'echo "200 $(ls /cvmfs/sw.example.org)" > $JOBOUTPUTS/shutdown_message'
    options = {"root_image": "/cvmfs/images.example.org/el9", "cvmfs_repositories": "sw.example.org"}
    site.write(site.machinetype("lhcb", tell, **options), more=f"cvmfs_root = {root}\n")
    (root / "sw.example.org").mkdir(parents=True)
    (root / "sw.example.org" / "software").touch()
    site.daemon.start()
    wait_until(lambda: "images.example.org: No such file" in site.daemon.cli("why", "lhcb").stdout)
    assert site.daemon.events("planned") == []
    being_published = root / "being-published"
    being_published.mkdir()
    shutil.copytree(real.directory_image, being_published / "el9-2026", symlinks=True)
    (being_published / "el9").symlink_to("el9-2026")
    being_published.rename(root / "images.example.org")
    assert site.daemon.wait_for(event_what="cleared")["machine_outcome"] == "200 software"
