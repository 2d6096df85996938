"""The demo with containers: the same three VOs on a Docker engine; and what it says where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import docker
import pytest
from engines import missing

from vac_core.testing.box import DOCKER, docker_host, unavailable

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


def command(place: Path, *options: str) -> list[str | Path]:
    where = ["--logs", place, "--picture", place / "shares.svg", "--json", place / "figures.json"]
    return [sys.executable, "-m", "demo", "--plain", "--hypervisor", "docker", *where, *options]


def test_a_run_with_containers_shares_and_leaves_nothing_on_the_engine(tmp_path: Path) -> None:
    if reason := unavailable(*DOCKER):
        missing(reason)
    with docker_host() as host:
        told = {**os.environ, "DOCKER_HOST": f"unix://{host.socket_inside}", "PYTHONUNBUFFERED": "1"}
        demo = host.box.popen(
            command(tmp_path, "--seconds", "60"),
            cwd=ROOT,
            env=told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, _ = demo.communicate(timeout=240)
        assert demo.returncode == 0, output
        client = docker.APIClient(base_url=host.url, version="auto")
        left = client.containers(all=True), client.volumes()["Volumes"] or [], client.images(name="localhost/vac-demo")
        client.close()
    assert left == ([], [], [])
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["problems"] == []
    assert all(tally["done"] > 0 for tally in figures["tasks"].values())
    assert figures["machines"]["made"] > figures["adoption"]["machines_before"] > 0
    assert figures["machines"]["outcomes"].get("alive", 0) == 0


def test_it_says_what_is_missing_where_there_is_no_engine(tmp_path: Path) -> None:
    ran = subprocess.run(
        command(tmp_path),
        cwd=ROOT,
        env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 1
    assert "start the engine" in ran.stdout
    assert "DOCKER_HOST" in ran.stdout
