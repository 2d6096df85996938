"""Images that are no registry's: a whole Debian, archives on disk and from the web."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import docker_kit
import pytest
from container_makers import Maker, opened
from debian_image import NAME, debian_archive
from docker_kit import IMAGE, load
from image_server import ImageServer
from vac_docker import DockerPlugin
from vac_docker.testing import busybox_archive

from vac_core.interfaces import PluginError
from vac_core.testing import home as make_home
from vac_core.testing.box import ContainerHost

pytestmark = pytest.mark.system

AGENT = """#!/usr/bin/python3
import os

with open(os.environ["JOBFEATURES"] + "/allocated_cpu") as processors:
    found = processors.read()
with open(os.environ["JOBOUTPUTS"] + "/seen", "w") as outputs:
    print(os.getuid(), os.uname().nodename, found, file=outputs)
"""


@pytest.fixture
def maker(tmp_path: Path, engine: ContainerHost) -> Iterator[Maker]:
    """The hypervisor on an engine."""
    with opened(Maker(make_home(tmp_path, options=DockerPlugin(socket=engine.url)))) as one:
        yield one


@pytest.fixture
def image_server() -> Iterator[ImageServer]:
    server = ImageServer()
    yield server
    server.close()


def test_a_job_agent_in_python_runs_in_a_debian_as_the_user_that_its_image_names(
    maker: Maker, engine: ContainerHost
) -> None:
    load(engine, debian_archive())
    of_type = maker.machinetype(f"docker://{NAME}")
    request = docker_kit.request(maker.home, AGENT, of_type)
    (request.directory / "jobfeatures" / "allocated_cpu").write_text("1")
    maker.await_image(of_type)
    maker.hypervisor.create(request)
    assert maker.ended(request.machine.id).exit_code == 0
    seen = request.directory / "joboutputs" / "seen"
    assert seen.read_text() == f"65534 {request.machine.name} 1\n"


def test_an_image_is_loaded_from_an_archive_on_disk(maker: Maker, tmp_path: Path) -> None:
    archive = tmp_path / "job.tar"
    archive.write_bytes(busybox_archive("whatever/it/says:1", Labels={"from": "disk"}))
    of_type = maker.machinetype(str(archive))
    maker.await_image(of_type)
    seen, details = maker.run(of_type)
    assert seen.exit_code == 0
    assert "whatever" not in details["image"]


def test_an_archive_cannot_take_the_name_of_an_image_that_is_there(
    maker: Maker, tmp_path: Path, engine: ContainerHost
) -> None:
    before = maker.run(maker.machinetype())[1]["image_id"]
    archive = tmp_path / "evil.tar"
    archive.write_bytes(busybox_archive(IMAGE, Labels={"is": "another"}))
    of_type = maker.machinetype(str(archive))
    maker.await_image(of_type)
    assert maker.run(of_type)[1]["image_id"] != before
    assert maker.run(maker.machinetype())[1]["image_id"] == before


def test_an_image_is_loaded_from_an_archive_on_the_web(maker: Maker, image_server: ImageServer) -> None:
    url = image_server.serve("/job.tar", busybox_archive("whatever/it/says:1", Labels={"from": "web"}))
    of_type = maker.machinetype(url)
    maker.await_image(of_type)
    assert maker.run(of_type)[0].exit_code == 0


@pytest.mark.parametrize("where", ["disk", "web"])
def test_an_archive_is_used_only_if_it_has_the_checksum_that_is_wanted(
    maker: Maker, image_server: ImageServer, tmp_path: Path, where: str
) -> None:
    content = busybox_archive("whatever/it/says:1", Labels={"pinned": where})
    archive = tmp_path / "job.tar"
    archive.write_bytes(content)
    root_image = str(archive) if where == "disk" else image_server.serve("/job.tar", content)
    right, wrong = sha256(content).hexdigest(), "0" * 64
    refused = maker.machinetype(root_image, sha256=wrong)
    assert f"has the sha256 {right}, and root_image_sha256 says {wrong}" in maker.await_refusal(refused, "sha256")
    with pytest.raises(PluginError, match=wrong):
        maker.create(refused)
    of_type = maker.machinetype(root_image, sha256=right)
    maker.await_image(of_type)
    assert maker.run(of_type)[0].exit_code == 0


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\0" * 10240])
def test_what_is_no_archive_of_an_image_is_refused_with_the_reason(
    maker: Maker, tmp_path: Path, content: bytes
) -> None:
    archive = tmp_path / "page.tar"
    archive.write_bytes(content)
    assert str(archive) in maker.await_refusal(maker.machinetype(str(archive)), "archive")
