"""Where site files are found, in which order, and how it is noticed that they changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vac_core.config import sources
from vac_core.config.sources import default_sources, expand, fingerprint


def test_the_default_places_are_those_of_vac_3() -> None:
    assert [str(path) for path in default_sources()] == ["/etc/vac.d", "/etc/vac.conf", "/var/run/vac.conf"]


def test_a_directory_stands_for_its_conf_files_in_order(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf", "c.conf~", ".a.conf", "README"):
        (tmp_path / name).touch()
    alone = tmp_path / "alone"
    assert expand([tmp_path, alone]) == (tmp_path / "a.conf", tmp_path / "b.conf", alone)


def test_default_places_may_be_missing_and_named_ones_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = (tmp_path / "vac.d", tmp_path / "vac.conf", tmp_path / "run.conf")
    monkeypatch.setattr(sources, "DEFAULT_SOURCES", places)
    (tmp_path / "vac.conf").touch()
    assert expand(default_sources()) == (tmp_path / "vac.conf",)
    assert expand([tmp_path / "named.conf"]) == (tmp_path / "named.conf",)


@pytest.mark.parametrize(
    "change",
    [
        lambda directory: (directory / "a.conf").write_text("[settings]\n#2\n", "utf-8"),
        lambda directory: (directory / "b.conf").write_text("", "utf-8"),
        lambda directory: (directory / "a.conf").unlink(),
        lambda directory: (directory / "a.conf").rename(directory / "c.conf"),
    ],
    ids=["same size", "new file", "file gone", "renamed"],
)
def test_each_change_changes_the_fingerprint(tmp_path: Path, change: Callable[[Path], object]) -> None:
    (tmp_path / "a.conf").write_text("[settings]\n#1\n", "utf-8")
    before = fingerprint([tmp_path])
    assert fingerprint([tmp_path]) == before
    change(tmp_path)
    assert fingerprint([tmp_path]) != before


def test_a_file_that_comes_back_readable_changes_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    before = fingerprint([path])
    path.touch()
    assert fingerprint([path]) != before
