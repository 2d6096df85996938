"""CVMFS of a host: whether repositories answer, without ever waiting for one that hangs, and which are kept mounted."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vac_core.cvmfs import Cvmfs, Repository

NAME = "vo.example.org"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "software").touch()
    return tmp_path


class HangingCvmfs(Cvmfs):
    """A repository whose server is gone: whoever touches it waits until the test lets it go."""

    def __init__(self, news: queue.SimpleQueue[str]) -> None:
        super().__init__(lambda: news.put("changed"))
        self.go_on = threading.Event()
        self.touches = 0

    def _open(self, one: Repository) -> str:
        self.touches += 1
        self.go_on.wait(60)
        return super()._open(one)


@pytest.fixture
def news() -> queue.SimpleQueue[str]:
    return queue.SimpleQueue()


@pytest.fixture
def hanging(news: queue.SimpleQueue[str]) -> Iterator[HangingCvmfs]:
    one = HangingCvmfs(news)
    yield one
    one.go_on.set()


def test_one_that_answers_stands_in_nobodys_way_and_that_is_news(root: Path, news: queue.SimpleQueue[str]) -> None:
    cvmfs = Cvmfs(lambda: news.put("changed"))
    assert "is being asked" in (cvmfs.refusal(str(root), [NAME], 5.0) or "")
    assert news.get(timeout=60) == "changed"
    assert cvmfs.refusal(str(root), [NAME], 5.0) is None


def test_one_that_is_absent_or_empty_is_the_reason(root: Path) -> None:
    (root / "empty.example.org").mkdir()
    cvmfs = Cvmfs(lambda: None)
    absent = cvmfs.wait(str(root), [NAME, "absent.example.org"], 60.0)
    assert absent == (
        f"CVMFS: {root}/absent.example.org: No such file or directory: "
        "see that the host mounts it (cvmfs_config probe absent.example.org)"
    )
    assert "is empty" in (cvmfs.wait(str(root), ["empty.example.org"], 60.0) or "")


def test_one_that_hangs_holds_up_nobody_and_is_touched_once(
    root: Path, hanging: HangingCvmfs, news: queue.SimpleQueue[str]
) -> None:
    assert hanging.wait(str(root), [NAME], 0.1) is not None
    reason = hanging.refusal(str(root), [NAME], 0.0)
    assert "has not answered" in (reason or "")
    assert hanging.touches == 1
    hanging.go_on.set()
    assert news.get(timeout=60) == "changed"
    assert hanging.refusal(str(root), [NAME], 60.0) is None


def test_those_that_machines_use_are_kept_open_until_the_last_is_gone(root: Path, news: queue.SimpleQueue[str]) -> None:
    cvmfs = Cvmfs(lambda: news.put("changed"))
    cvmfs.hold("one", str(root), [NAME])
    cvmfs.hold("other", str(root), [NAME])
    assert cvmfs.wait(str(root), [NAME], 60.0) is None
    assert cvmfs.held() == {root / NAME}
    assert str(root / NAME) in open_files()
    cvmfs.release("one")
    assert cvmfs.held() == {root / NAME}
    cvmfs.release("other")
    assert cvmfs.held() == frozenset()


def open_files() -> set[str]:
    """What this process has open, by path."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the directory that is read here is among them
            found.add(str(link.readlink()))
    return found
