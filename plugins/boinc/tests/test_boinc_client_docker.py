"""BOINC's real client in containers of a real Docker engine, at work for a project of the test's own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boinc_image import IMAGE, boinc_archive
from boinc_project import ABORTED, EXIT_CLIENT_EXITING, KEY, LASTS, WORKS, Project, project
from docker_kit import docker_engine, load
from docker_site import Site
from image_server import wait_until
from system.daemon_kit import Daemon

from vac_core.testing.box import ContainerHost

pytestmark = pytest.mark.system

BRIDGE = "172.17.0.1"
"""The host's own address on the network that an engine makes first."""


@pytest.fixture
def engine() -> Iterator[ContainerHost]:
    with docker_engine() as host:
        load(host, boinc_archive())
        yield host


@pytest.fixture
def site(tmp_path: Path, engine: ContainerHost) -> Iterator[Site]:
    one = Site(Daemon(tmp_path / "f"), engine)
    yield one
    one.close()


@pytest.fixture
def served(engine: ContainerHost) -> Iterator[Project]:
    with project([], BRIDGE, engine.box.call) as one:
        yield one


def start(site: Site, served: Project) -> None:
    site.daemon.directory.mkdir()
    key_file = site.daemon.directory / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    section = site.machinetype(
        "home",
        root_image=f"docker://{IMAGE}",
        contextualiser="boinc-client",
        max_processors=1,
        backoff_seconds=0,
        boinc_project_url=served.url,
        boinc_account_key_file=key_file,
        boinc_benchmarks="no",
    )
    site.write(section)
    site.daemon.conf.write_text(site.daemon.conf.read_text().replace("total_processors = 2", "total_processors = 1"))
    site.daemon.start()


def end(site: Site) -> None:
    site.daemon.control.post("/drain", {"reason": "the test is over", "until": time.time()})
    wait_until(lambda: not site.daemon.control.get("/machines")["machines"])
    assert site.daemon.signal(signal.SIGTERM) == 0


def test_containers_one_after_the_other_are_one_host_that_does_its_tasks(site: Site, served: Project) -> None:
    served.tasks.append(WORKS)
    start(site, served)
    assert site.daemon.wait_for(300.0, event_what="gone")["machine_outcome"].startswith("200 Success (1 tasks, ")
    assert site.daemon.wait_for(300.0, event_what="gone")["machine_outcome"] == "300 Nothing to do"
    assert [name for name, _, _ in served.reported] == ["wu_1_0"]
    assert len(set(served.hosts)) == 1
    end(site)


def test_a_container_that_the_factory_stops_reports_what_it_aborts(site: Site, served: Project) -> None:
    fetches = f"import urllib.request; urllib.request.urlopen('{served.url}began')"
    served.tasks.append(f'python3 -c "{fetches}"\n{LASTS}')
    start(site, served)
    machine_id = site.daemon.wait_for(300.0, event_what="created")["machine_id"]
    served.wait_for(lambda: "/began" in served.fetched, 300.0)
    assert site.daemon.cli("stop", machine_id).returncode == 0
    assert site.daemon.wait_for(300.0, event_what="gone")["machine_outcome"].startswith("100 ")
    assert served.reported == [("wu_1_0", ABORTED, EXIT_CLIENT_EXITING)]
    end(site)
