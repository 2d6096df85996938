"""BOINC applications in containers of a real Docker engine, by their job.toml and by their vbox_job.xml."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boinc_image import IMAGE, boinc_archive
from docker_kit import docker_engine, load
from docker_site import Site
from image_server import wait_until
from system.daemon_kit import Daemon

from vac_core.testing.box import ContainerHost

pytestmark = pytest.mark.system

TOML = 'workdir = "/boinc_slot_dir"\n'
XML = """<vbox_job><enable_shared_directory/><copy_to_shared>input</copy_to_shared>
<completion_trigger_file>shutdown</completion_trigger_file></vbox_job>"""
PROGRAM = """pwd >result
grep -c app_init_data init_data.xml >>result
printf '208\\n0\\nno luck\\n' >shutdown
sleep 600
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[ContainerHost]:
    with docker_engine() as host:
        load(host, boinc_archive())
        yield host


@pytest.fixture
def site(tmp_path: Path, engine: ContainerHost) -> Iterator[Site]:
    one = Site(Daemon(tmp_path / "f"), engine)
    one.daemon.directory.mkdir()
    yield one
    one.close()


@pytest.mark.parametrize(
    ("name", "job", "command", "outcome", "left"),
    [
        ("job.toml", TOML, "grep app_init_data init_data.xml", "200 Success", None),
        (
            "vbox_job.xml",
            XML,
            "sh -e input",
            "600 A part of the task failed (exit 208): no luck",
            "/shared\n2\n",
        ),
    ],
    ids=["for containers", "for VirtualBox"],
)
def test_a_container_does_an_application_s_work(
    site: Site, name: str, job: str, command: str, outcome: str, left: str | None
) -> None:
    (site.daemon.directory / name).write_text(job)
    (site.daemon.directory / "input").write_text(PROGRAM)
    section = site.machinetype(
        "theory",
        root_image=f"docker://{IMAGE}",
        contextualiser="boinc-app",
        max_processors=1,
        boinc_app_job=site.daemon.directory / name,
        boinc_app_command=command,
        boinc_app_outputs="result",
    )
    site.write(section)
    site.daemon.start()
    ended = site.daemon.wait_for(300.0, event_what="gone")
    site.daemon.control.post("/drain", {"reason": "the test is over", "until": time.time()})
    assert ended["machine_outcome"] == outcome
    result = site.output(ended["machine_id"], "result")
    assert (result.read_text() if result.exists() else None) == left
    wait_until(lambda: not site.daemon.control.get("/machines")["machines"])
    assert site.daemon.signal(signal.SIGTERM) == 0
