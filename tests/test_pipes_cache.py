"""Vacuum pipes are kept through outages, nonsense, full disks and restarts, and asked for no more than is due."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import attrs
import pytest

from vac_core.config.schema import Settings, VacuumPipe
from vac_core.factory.pipes import RETRY_SECONDS, PipeCache
from vac_core.fetch import Fetched, FetchError

URL = "https://vo.example.org/vo.pipe"
NOW = 1_700_000_000.0
SETTINGS = Settings(vac_space="vac01.example.org", fetch_timeout_seconds=5.0, fetch_max_mb=2)
PIPES = {"vo": VacuumPipe(prefix="vo", vacuum_pipe_url=URL)}


def document(*suffixes: str, cache_seconds: int = 600) -> bytes:
    machinetypes = [{"suffix": suffix} for suffix in suffixes]
    return json.dumps({"cache_seconds": cache_seconds, "machinetypes": machinetypes}).encode()


def _held(**other: str) -> bytes:
    sound = {"url": URL, "checked": NOW, "etag": None, "last_modified": None, "body": document("z").decode()}
    return json.dumps({**sound, **other}).encode()


@attrs.define
class Web:
    """What servers hold at each URL: a document, or the error that they give; documents are their own tags."""

    held: dict[str, bytes | str] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)
    sent: int = 0

    def fetch(
        self, url: str, *, deadline_seconds: float, max_bytes: int, etag: str | None, last_modified: str | None
    ) -> Fetched:
        assert (deadline_seconds, max_bytes) == (5.0, 2 * 1024 * 1024)
        self.asked.append(url)
        content = self.held[url]
        if isinstance(content, str):
            raise FetchError(f"{url} cannot be fetched: {content}")
        tag = str(hash(content))
        if etag == tag:
            return Fetched(url=url, body=None, etag=tag)
        self.sent += 1
        return Fetched(url=url, body=content, etag=tag)


@pytest.fixture
def web() -> Web:
    return Web(held={URL: document("a", "b")})


@pytest.fixture
def cache(web: Web, tmp_path: Path) -> PipeCache:
    return PipeCache(tmp_path, web.fetch)


def suffixes(cache: PipeCache, now: float = NOW) -> list[str] | None:
    found = cache.documents(PIPES, now, SETTINGS)
    return list(found["vo"].entries) if "vo" in found else None


def test_a_pipe_is_asked_for_when_it_is_due_and_sent_when_it_has_changed(cache: PipeCache, web: Web) -> None:
    assert suffixes(cache) == ["a", "b"]
    assert suffixes(cache, NOW + 599) == ["a", "b"]
    assert (len(web.asked), web.sent) == (1, 1)
    assert suffixes(cache, NOW + 600) == ["a", "b"]
    assert (len(web.asked), web.sent) == (2, 1)
    web.held[URL] = document("c")
    assert suffixes(cache, NOW + 1199) == ["a", "b"]
    assert suffixes(cache, NOW + 1200) == ["c"]
    assert (len(web.asked), web.sent) == (3, 2)
    assert cache.problems == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("the server answered 500", f"{URL} cannot be fetched: the server answered 500"),
        (b"<html>login</html>", f"what {URL} holds is no vacuum pipe: it is HTML, not JSON"),
        (b"{}", f"what {URL} holds is no vacuum pipe: it has no list of machinetypes"),
    ],
)
def test_the_last_good_copy_stays_in_use(cache: PipeCache, web: Web, content: bytes | str, why: str) -> None:
    suffixes(cache)
    web.held[URL] = content
    assert suffixes(cache, NOW + 600) == ["a", "b"]
    assert cache.problems == (f"vacuum pipe vo: {why}; the copy of 2023-11-14T22:13:20+00:00 stays in use",)
    web.held[URL] = document("c")
    assert suffixes(cache, NOW + 600 + RETRY_SECONDS) == ["c"]
    assert cache.problems == ()


def test_a_failure_is_told_until_the_next_try_which_is_not_at_once(cache: PipeCache, web: Web) -> None:
    web.held[URL] = "gone"
    for wait in (0.0, 1.0, RETRY_SECONDS - 1):
        assert suffixes(cache, NOW + wait) is None
        why = f"{URL} cannot be fetched: gone; there is no earlier copy, so its machinetypes are missing"
        assert cache.problems == (f"vacuum pipe vo: {why}",)
    assert len(web.asked) == 1
    suffixes(cache, NOW + RETRY_SECONDS)
    assert len(web.asked) == 2


def test_a_clock_that_is_put_back_makes_a_pipe_due(cache: PipeCache, web: Web) -> None:
    suffixes(cache)
    suffixes(cache, NOW - 5000)
    assert len(web.asked) == 2
    web.held[URL] = "gone"
    suffixes(cache, NOW + 5000)
    suffixes(cache, NOW - 5000)
    assert len(web.asked) == 4


def test_the_copy_outlives_a_restart(cache: PipeCache, web: Web, tmp_path: Path) -> None:
    suffixes(cache)
    after = PipeCache(tmp_path, web.fetch)
    assert suffixes(after, NOW + 100) == ["a", "b"]
    assert len(web.asked) == 1
    web.held[URL] = "gone"
    after = PipeCache(tmp_path, web.fetch)
    assert suffixes(after, NOW + 10 * 86400) == ["a", "b"]
    assert "stays in use" in after.problems[0]
    kept = tmp_path / "pipescache" / "vo.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert [path.name for path in kept.parent.iterdir()] == ["vo.json"]


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[]", b'{"url": 1}', b"\xff", b"[" * 100000, _held(body="{}"), _held(checked="then")],
    ids=range(8),
)
def test_a_broken_copy_is_fetched_anew(cache: PipeCache, web: Web, tmp_path: Path, broken: bytes) -> None:
    directory = tmp_path / "pipescache"
    directory.mkdir()
    (directory / "vo.json").write_bytes(broken)
    assert suffixes(cache) == ["a", "b"]
    assert web.sent == 1
    assert suffixes(PipeCache(tmp_path, web.fetch), NOW + 1) == ["a", "b"]
    assert web.sent == 1


def test_where_nothing_can_be_written_the_pipe_is_used_all_the_same(web: Web, tmp_path: Path) -> None:
    (tmp_path / "pipescache").write_text("a file where a directory should be", "utf-8")
    cache = PipeCache(tmp_path, web.fetch)
    assert suffixes(cache) == ["a", "b"]
    assert suffixes(cache, NOW + 1) == ["a", "b"]
    why = "File exists: mend the directory, or make room"
    assert cache.problems == (f"vacuum pipe vo cannot be kept in {tmp_path}/pipescache: {why}",)


def test_a_full_disk_leaves_the_earlier_copy_whole(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = PipeCache(tmp_path, web.fetch)
    suffixes(cache)
    kept = (tmp_path / "pipescache" / "vo.json").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        web.held[URL] = document("c")
        assert suffixes(cache, NOW + 600) == ["c"]
    assert "No space left on device" in cache.problems[0]
    assert {path.name: path.read_bytes() for path in (tmp_path / "pipescache").iterdir()} == {"vo.json": kept}


def test_another_url_is_another_document(cache: PipeCache, web: Web) -> None:
    suffixes(cache)
    moved = {"vo": VacuumPipe(prefix="vo", vacuum_pipe_url="https://new.example.org/")}
    web.held["https://new.example.org/"] = "gone"
    assert cache.documents(moved, NOW + 1, SETTINGS) == {}
    web.held["https://new.example.org/"] = document("n")
    assert list(cache.documents(moved, NOW + 100, SETTINGS)["vo"].entries) == ["n"]
    assert cache.documents({}, NOW + 101, SETTINGS) == {}


def test_one_pipe_that_hangs_does_not_hold_up_the_others(tmp_path: Path) -> None:
    both_asked = threading.Barrier(2, timeout=60)

    def fetch(
        url: str, *, deadline_seconds: float, max_bytes: int, etag: str | None, last_modified: str | None
    ) -> Fetched:
        both_asked.wait()
        if "slow" in url:
            raise FetchError(f"{url} cannot be fetched: there was no whole answer")
        return Fetched(url=url, body=document("a"))

    pipes = {name: VacuumPipe(prefix=name, vacuum_pipe_url=f"https://{name}.example.org/") for name in ("slow", "vo")}
    cache = PipeCache(tmp_path, fetch)
    assert list(cache.documents(pipes, NOW, SETTINGS)) == ["vo"]
    assert [problem.split(":")[0] for problem in cache.problems] == ["vacuum pipe slow"]


def test_a_server_that_withholds_what_it_never_sent_is_told_of(tmp_path: Path) -> None:
    cache = PipeCache(tmp_path, lambda url, **how: Fetched(url=url, body=None))
    assert suffixes(cache) is None
    assert "was not sent" in cache.problems[0]
