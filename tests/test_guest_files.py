"""Reading what a guest wrote: plain files only, and no more of them than is asked for."""

from __future__ import annotations

import os

import pytest

from vac_core.guest_files import changed_at, open_plain, read_start


def _link(path):
    (path.parent / "target").write_text("not mine")
    path.symlink_to(path.parent / "target")


def _hard_link(path):
    (path.parent / "target").write_text("not mine")
    path.hardlink_to(path.parent / "target")


TRAPS = pytest.mark.parametrize(
    "make", [_link, _hard_link, os.mkfifo, os.mkdir], ids=["symlink", "hardlink", "pipe", "directory"]
)


@TRAPS
def test_traps_are_not_there(tmp_path, make):
    make(tmp_path / "said")
    assert open_plain(tmp_path, "said") is None
    assert read_start(tmp_path, "said", 10) is None


def test_a_file_is_read_up_to_a_length(tmp_path):
    assert read_start(tmp_path, "said", 4) is None
    (tmp_path / "said").write_bytes(b"more than that")
    assert read_start(tmp_path, "said", 4) == b"more"


def test_a_directory_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "said").write_text("not mine")
    (tmp_path / "shared").symlink_to(tmp_path / "elsewhere")
    assert read_start(tmp_path / "shared", "said", 10) is None
    assert changed_at(tmp_path / "shared", "said") is None


def test_only_a_plain_file_has_a_time(tmp_path):
    assert changed_at(tmp_path, "heartbeat") is None
    (tmp_path / "heartbeat").write_text("0.1 0.1 0.1")
    os.utime(tmp_path / "heartbeat", (1000.0, 1234.5))
    assert changed_at(tmp_path, "heartbeat") == 1234.5
    (tmp_path / "dangling").symlink_to(tmp_path / "heartbeat")
    assert changed_at(tmp_path, "dangling") is None
