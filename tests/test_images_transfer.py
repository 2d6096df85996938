"""Downloads that break, servers that misbehave, and disks that are full."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from engines import missing
from image_server import ImageServer, closed_port, content, sha256, wait_until
from images_kit import Kit

from vac_core.images import Refused
from vac_core.images.records import key

SIZE = 1_000_000
FETCH = """
import sys
from pathlib import Path
from vac_core.images import ImageCache
from vac_core.testing import settings
cache = ImageCache(Path(sys.argv[1]), lambda: settings(min_disk_free_mb=0))
print(cache.fetch(sys.argv[2]).sha256)
"""


@pytest.fixture
def server() -> Iterator[ImageServer]:
    made = ImageServer()
    yield made
    made.close()


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = Kit(tmp_path / "imagecache")
    yield made
    made.cache.close()


def parts(kit: Kit) -> list[int]:
    """Octets of each image that is not whole."""
    return [path.stat().st_size for path in (kit.directory / "sources").glob("*/part")]


def test_a_download_goes_on_from_where_each_connection_broke(kit: Kit, server: ImageServer) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, cut_after=300_000)
    assert kit.fetched(url).path.read_bytes() == data
    ranges = [headers.get("Range") for _, headers in server.asked]
    assert ranges == [None, "bytes=300000-", "bytes=600000-", "bytes=900000-", None]  # the last asks if it is current
    assert {headers.get("If-Range") for _, headers in server.asked} == {None, '"one"'}
    assert server.sent == SIZE


def test_a_download_that_failed_goes_on_the_next_time(kit: Kit, server: ImageServer) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, cut_after=50_000, etag='W/"weak"')
    assert kit.refused(url).endswith("the connection ended before all of it had come")
    assert parts(kit) == [50_000]
    server.images["/a.img"].cut_after = None
    kit.now += 60.0
    kit.cache.close()
    kit.cache = kit.another()
    kit.fetched(url)
    assert server.asked[-2][1]["Range"] == "bytes=50000-"
    assert server.asked[-2][1]["If-Range"] == formatdate(1_700_000_000, usegmt=True)  # no weak tag may stand there
    assert server.sent == SIZE
    assert parts(kit) == []


def test_a_server_without_ranges_begins_again(kit: Kit, server: ImageServer) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, cut_after=300_000, cuts=1, ranges=False)
    assert kit.fetched(url).path.read_bytes() == data
    assert server.sent == SIZE + 300_000


def test_a_server_that_always_breaks_off_at_one_place_is_left(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(SIZE), cut_after=300_000, ranges=False)
    assert kit.refused(url).endswith("the connection ended before all of it had come")
    assert len(server.asked) == 2


def test_an_image_that_was_replaced_between_two_connections_is_fetched_whole(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(SIZE), cut_after=50_000)
    kit.refused(url)
    new = content(SIZE, seed=1)
    server.serve("/a.img", new, etag='"two"')
    kit.now += 60.0
    assert kit.fetched(url).path.read_bytes() == new


def test_an_image_that_changes_while_it_is_sent_is_not_believed(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(SIZE))
    served = server.images["/a.img"]

    def change() -> None:
        served.etag, served.before_body = '"two"', None

    served.before_body = change
    assert kit.refused(url).endswith("it changed on the server while it was being fetched: it is begun anew")
    assert parts(kit) == []
    kit.now += 60.0
    kit.fetched(url)


def test_an_image_shorter_than_the_server_says_is_not_believed(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(SIZE), length=SIZE + 1)
    assert kit.refused(url).endswith("the connection ended before all of it had come")
    assert [headers.get("Range") for _, headers in server.asked] == [None, f"bytes={SIZE}-", None]
    assert not list((kit.directory / "objects").iterdir())


def test_an_image_of_untold_length_comes_as_it_is(kit: Kit, server: ImageServer) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, length=-1)
    assert kit.fetched(url).sha256 == sha256(data)
    assert kit.refused(server.serve("/b.img", b"")).endswith("it is empty")


@pytest.mark.parametrize(
    "extra",
    [
        {"Content-Range": "bytes 0-9/1000000"},
        {"Content-Range": "bytes 50000-999999/2000000"},
        {"Content-Range": "items 50000-999999/1000000"},
        {"Content-Range": ""},
    ],
)
def test_a_range_that_was_not_asked_for_is_thrown_away(kit: Kit, server: ImageServer, extra: dict[str, str]) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, cut_after=50_000)
    kit.refused(url)
    served = server.images["/a.img"]
    served.cut_after, served.extra = None, extra
    kit.now += 60.0
    assert kit.refused(url).endswith("the server sent another part than it was asked for: it is begun anew")
    served.extra = {}
    kit.now += 60.0
    assert kit.fetched(url).path.read_bytes() == data


def test_a_range_that_the_server_does_not_have_any_more_is_begun_anew(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(SIZE), cut_after=50_000)
    kit.refused(url)
    short = content(20_000)
    server.serve("/a.img", short)
    kit.now += 60.0
    assert kit.fetched(url).path.read_bytes() == short


def test_an_image_that_is_too_large_is_not_begun(kit: Kit, server: ImageServer) -> None:
    kit.rules["image_max_gb"] = 0.0005
    url = server.serve("/a.img", content(SIZE), hold_after=0)
    assert kit.refused(url).endswith("it is 1.0 MB, larger than 500.0 kB (image_max_gb)")
    assert parts(kit) == []


def test_an_image_without_end_is_left_when_it_is_too_large(kit: Kit, server: ImageServer) -> None:
    kit.rules["image_max_gb"] = 0.0005
    url = server.serve("/a.img", content(SIZE), length=-1)
    assert kit.refused(url).endswith("it is larger than 500.0 kB (image_max_gb)")
    assert parts(kit) == []


def test_a_server_that_cannot_tell_versions_apart_is_refused_with_the_mend(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(SIZE), etag=None, last_modified=None)
    assert kit.refused(url).endswith(
        "the server sends neither ETag nor Last-Modified, so nobody can tell whether it is current: "
        "have it send one, or give root_image_sha256"
    )
    assert parts(kit) == []


def test_a_server_that_hangs_is_left_at_the_deadline_and_what_came_is_kept(kit: Kit, server: ImageServer) -> None:
    kit.rules["image_timeout_seconds"] = 2.0
    url = server.serve("/a.img", content(SIZE), hold_after=400_000)
    assert kit.refused(url).endswith("there was no whole answer within 2 s")
    assert parts(kit) == [400_000]


def test_a_server_that_says_nothing_any_more_is_left(
    kit: Kit, server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vac_core.images.transfer._IDLE_SECONDS", 0.5)
    url = server.serve("/a.img", content(SIZE), hold_after=50_000)
    assert kit.refused(url).endswith("the server says nothing any more")


def test_no_server_is_told(kit: Kit) -> None:
    assert kit.refused(f"http://127.0.0.1:{closed_port()}/a.img").endswith("cannot be reached: Connection refused")
    assert "a URL must begin with http:// or https://" in kit.refused("ftp://example.org/a.img")


def test_a_part_that_was_written_before_the_host_was_started_is_not_believed(
    kit: Kit, server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, cut_after=50_000)
    kit.refused(url)
    monkeypatch.setattr("vac_core.images.part.boot", lambda: "another boot")
    server.images["/a.img"].cut_after = None
    kit.now += 60.0
    assert kit.fetched(url).path.read_bytes() == data
    assert server.sent == SIZE + 50_000


def test_a_part_whose_record_is_lost_is_not_believed(kit: Kit, server: ImageServer) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, cut_after=50_000)
    kit.refused(url)
    (record,) = (kit.directory / "sources").glob("*/part.json")
    record.write_text("{")
    server.images["/a.img"].cut_after = None
    kit.now += 60.0
    assert kit.fetched(url).path.read_bytes() == data


def test_a_part_that_nobody_completes_is_taken_away_after_a_day(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(SIZE), cut_after=50_000)
    kit.refused(url)
    kit.cache.prune()
    assert parts(kit) == [50_000]
    (part,) = (kit.directory / "sources").glob("*/part")
    kit.now = part.stat().st_mtime + 86401.0
    kit.cache.prune()
    assert parts(kit) == []


def test_space_that_is_not_there_is_told_before_anything_is_fetched(
    kit: Kit, server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.rules["min_disk_free_mb"] = 1
    free = type("Usage", (), {"free": 2**20 + 500_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: free)
    url = server.serve("/a.img", content(SIZE), hold_after=0)
    assert kit.refused(url) == (
        f"the disk of the image cache {kit.directory} has 500.0 kB to spare, and 1.0 MB are to come: "
        "free some space, or lower image_cache_gb"
    )


def test_a_disk_that_refuses_records_is_told_and_left_alone_for_a_while(kit: Kit, server: ImageServer) -> None:
    url = server.serve("/a.img", content(SIZE))
    blocked = kit.directory / "sources" / key(url, None)
    blocked.write_text("a file where a directory is to be")
    why = kit.refused(url)
    assert why.startswith(f"{blocked}: File exists: see that the disk of the image cache is whole and not full")
    assert kit.cache.state(url) == Refused(why)
    assert not kit.news.acquire(timeout=0.1)
    blocked.unlink()
    kit.now += 60.0
    kit.fetched(url)


def python(*words: str, **how: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
    )


@pytest.mark.system
def test_a_download_killed_in_the_middle_is_resumed(kit: Kit, server: ImageServer) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, hold_after=400_000)
    child = python(FETCH, str(kit.directory), url)
    wait_until(lambda: parts(kit) == [400_000])
    child.send_signal(signal.SIGKILL)
    child.communicate()
    server.images["/a.img"].hold_after = None
    server.go_on.set()
    assert kit.fetched(url).path.read_bytes() == data
    assert server.asked[1][1]["Range"] == "bytes=400000-"


@pytest.mark.system
def test_two_processes_that_want_one_image_fetch_it_once(kit: Kit, server: ImageServer) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, hold_after=400_000)
    children = [python(FETCH, str(kit.directory), url) for _ in range(2)]
    assert server.holding.wait(120)
    server.go_on.set()
    said = [child.communicate(timeout=120) for child in children]
    assert [out.strip() for out, _ in said] == [sha256(data)] * 2, said
    assert server.sent == SIZE


@pytest.mark.system
def test_one_process_goes_on_when_the_other_is_killed(kit: Kit, server: ImageServer) -> None:
    data = content(SIZE)
    url = server.serve("/a.img", data, hold_after=400_000)
    first = python(FETCH, str(kit.directory), url)
    wait_until(lambda: parts(kit) == [400_000])
    second = python(FETCH, str(kit.directory), url)
    first.kill()
    first.communicate()
    wait_until(lambda: len(server.asked) == 2)
    server.go_on.set()
    out, errors = second.communicate(timeout=120)
    assert out.strip() == sha256(data), errors
    assert server.asked[1][1]["Range"] == "bytes=400000-"


@pytest.mark.system
def test_a_full_disk_is_told_and_given_back(tmp_path: Path, server: ImageServer) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        missing("this is not root, so that no small disk can be mounted for the test")
    script = """
import json, subprocess, sys
from pathlib import Path
directory = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(directory)], check=True)
from vac_core.images import ImageCache
from vac_core.interfaces import PluginError
from vac_core.testing import settings
cache = ImageCache(directory / "imagecache", lambda: settings(min_disk_free_mb=0))
try:
    cache.fetch(sys.argv[2])
except PluginError as error:
    left = [path.stat().st_size for path in directory.rglob("part")]
    print(json.dumps([str(error), left]))
"""
    url = server.serve("/a.img", content(SIZE), length=-1)
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", script, str(tmp_path), url], check=True, capture_output=True
    )
    why, left = json.loads(done.stdout)
    assert "the disk is full at " in why
    assert why.endswith(" bytes: free some space, or lower image_cache_gb")
    assert left == []
