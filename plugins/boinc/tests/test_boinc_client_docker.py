"""BOINC's real client in containers of a real Docker engine, at work for a project of the test's own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boinc_project import KEY, WORKS, Project, project
from docker_kit import docker_engine, load
from docker_site import Site
from engines import missing
from image_server import wait_until
from kept import kept
from system.daemon_kit import Daemon
from vac_docker.testing import image_archive

from vac_core.testing.box import ContainerHost

pytestmark = pytest.mark.system

IMAGE = "localhost/vac-tests/boinc:1"
BRIDGE = "172.17.0.1"
"""The host's own address on the network that an engine makes first."""
_SECONDS = 1200


def _build(directory: Path) -> None:
    options = ["--variant=essential", "--include=python3,boinc-client", "--dpkgopt=path-exclude=/usr/share/doc/*"]
    command = ["mmdebstrap", *options, "--quiet", "bookworm", directory / "root.tar", "http://deb.debian.org/debian"]
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)


@pytest.fixture(scope="module")
def boinc_image() -> bytes:
    """A Debian with the client."""
    if shutil.which("mmdebstrap") is None:
        missing("mmdebstrap is not installed: no Debian can be built")
    try:
        layer = kept("docker-bookworm-boinc-1", _build) / "root.tar"
    except subprocess.CalledProcessError as problem:
        missing(f"Debian cannot be had: {problem.stderr.decode('utf-8', 'replace')[-1000:]}")
    return image_archive([IMAGE], [layer.read_bytes()], Env=["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])


@pytest.fixture
def engine(boinc_image: bytes) -> Iterator[ContainerHost]:
    with docker_engine() as host:
        load(host, boinc_image)
        yield host


@pytest.fixture
def site(tmp_path: Path, engine: ContainerHost) -> Iterator[Site]:
    one = Site(Daemon(tmp_path / "f"), engine)
    yield one
    one.close()


@pytest.fixture
def served(engine: ContainerHost) -> Iterator[Project]:
    with project([WORKS], BRIDGE, engine.box.call) as one:
        yield one


def test_containers_one_after_the_other_are_one_host_that_does_its_tasks(site: Site, served: Project) -> None:
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
    assert site.daemon.wait_for(300.0, event_what="gone")["machine_outcome"].startswith("200 Success (1 tasks, ")
    assert site.daemon.wait_for(300.0, event_what="gone")["machine_outcome"] == "300 Nothing to do"
    assert [name for name, _, _ in served.reported] == ["wu_1_0"]
    assert len(set(served.hosts)) == 1
    site.daemon.control.post("/drain", {"reason": "the test is over", "until": time.time()})
    wait_until(lambda: not site.daemon.control.get("/machines")["machines"])
    assert site.daemon.signal(signal.SIGTERM) == 0
