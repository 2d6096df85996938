from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from image_server import ImageServer, content, sha256
from images_kit import MACHINE

from vac_core.cli.main import cli
from vac_core.images import ImageCache
from vac_core.testing import settings

SITE = "[settings]\nvac_space = vac01.example.org\nmin_disk_free_mb = 0\n"
Vac = Callable[..., Result]


@pytest.fixture
def server() -> Iterator[ImageServer]:
    made = ImageServer()
    yield made
    made.close()


@pytest.fixture
def vac(tmp_path: Path) -> Vac:
    (tmp_path / "site.conf").write_text(SITE)
    given = ["--config", str(tmp_path / "site.conf"), "--state-dir", str(tmp_path), "images"]
    return lambda *words: CliRunner().invoke(cli, [*given, *words])


@pytest.fixture
def cache(tmp_path: Path) -> ImageCache:
    return ImageCache(tmp_path / "imagecache", settings)


def test_an_image_is_fetched_and_listed(vac: Vac, server: ImageServer, cache: ImageCache) -> None:
    data = content(1_200_000)
    url = server.serve("/vm.qcow2", data)
    assert vac("fetch", url).stdout == f"{url} is here: sha256 {sha256(data)}\n"
    cache.lease(url, MACHINE)
    heading, row = vac().output.splitlines()
    assert heading.split() == ["URL", "SIZE", "AGE", "CHECKED", "MACHINES", "STATE"]
    words = row.split()
    assert (words[0], words[1:3], words[-2:]) == (url, ["1.2", "MB"], ["1", "ready"])
    (listed,) = json.loads(vac("--json").output)
    assert (listed["url"], listed["sha256"], listed["size"]) == (url, sha256(data), 1_200_000)
    assert listed["machines"] == [MACHINE]
    assert Path(listed["path"]).read_bytes() == data


def test_fetching_tells_where_the_image_is(vac: Vac, server: ImageServer, tmp_path: Path) -> None:
    data = content(1000)
    url = server.serve("/vm.qcow2", data)
    found = json.loads(vac("fetch", "--json", "--sha256", sha256(data), url).stdout)
    assert found["sha256"] == sha256(data)
    assert Path(found["path"]).read_bytes() == data


def test_what_cannot_be_fetched_is_told(vac: Vac, server: ImageServer) -> None:
    url = server.serve("/vm.qcow2", b"", status=404)
    refused = vac("fetch", url)
    assert refused.exit_code == 1
    assert refused.stderr == f"vac: {url} cannot be fetched: the server answered 404 Not Found\n"
    (row,) = vac().output.splitlines()[1:]
    assert "404 Not Found" in row


def test_images_that_nobody_uses_are_taken_away(vac: Vac, server: ImageServer, tmp_path: Path) -> None:
    data = content(1000)
    vac("fetch", server.serve("/vm.qcow2", data))
    assert vac("prune").output == "0 images taken away, 0 bytes\n"
    (tmp_path / "site.conf").write_text(SITE + "image_cache_days = 0\n")
    assert json.loads(vac("prune", "--json").output)[0]["sha256"] == sha256(data)
    assert not list((tmp_path / "imagecache" / "objects").iterdir())


def test_another_users_cache_is_left_alone(vac: Vac, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    refused = vac()
    assert refused.exit_code == 1
    assert f"belongs to another user (uid {tmp_path.stat().st_uid}): run this as that user" in refused.stderr
    assert not (tmp_path / "imagecache").exists()


def test_a_cache_that_cannot_be_made_is_told(vac: Vac, tmp_path: Path) -> None:
    (tmp_path / "imagecache").write_text("a file")
    refused = vac()
    assert refused.exit_code == 1
    assert "cannot be made" in refused.stderr


@pytest.mark.system
def test_a_terminal_is_shown_how_far_it_has_come(server: ImageServer, tmp_path: Path) -> None:
    url = server.serve("/vm.qcow2", content(1_000_000), hold_after=400_000)
    (tmp_path / "site.conf").write_text(SITE)
    ours, theirs = os.openpty()
    words = ["--config", str(tmp_path / "site.conf"), "--state-dir", str(tmp_path), "images", "fetch", url]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    child = subprocess.Popen(
        [sys.executable, "-m", "vac_core", *words], stdout=subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    while b"0.4/1.0 MB" not in shown and b"400.0/1000.0 kB" not in shown:
        shown += os.read(ours, 65536)
    assert b"vm.qcow2" in shown
    server.go_on.set()
    reader = os.fdopen(ours, "rb", buffering=0)
    try:
        while reader.read(65536):
            continue
    except OSError:
        pass  # the other end of a terminal is closed so
    finally:
        reader.close()
    out, _ = child.communicate(timeout=120)
    assert out.decode().startswith(f"{url} is here: sha256 ")
