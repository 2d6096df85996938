"""The site files while a factory works: read again when they change, and kept as they last were good."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from vac_core.config.schema import Site
from vac_core.factory.kept_files import KeptFiles
from vac_core.factory.pipes import PipeCache
from vac_core.factory.site_source import PIPES_LOOKED_AT_SECONDS, FixedSite, NoSiteError, SiteFiles
from vac_core.fetch import Fetched, FetchError
from vac_core.testing import NOW, machinetype, settings

URL = "https://vo.example.org/vo.pipe"
SETTINGS = "[settings]\nvac_space = vac01.example.org\n"
LHCB = "[machinetype lhcb]\ntarget_share = 1\nuser_data = https://lhcb.example.org/user_data\n"
MORE = LHCB.replace("target_share = 1", "target_share = 3")
PIPE = f"[vacuum_pipe vo]\nvacuum_pipe_url = {URL}\ntarget_share = 2\n"


@attrs.define
class Files:
    """A site's files, and the server of its pipe."""

    directory: Path
    served: bytes | None = None
    asked: int = 0

    @property
    def conf(self) -> Path:
        return self.directory / "vac.d" / "vac.conf"

    @property
    def kept(self) -> KeptFiles:
        return KeptFiles(self.directory / "site-files.json")

    def write(self, *sections: str) -> None:
        self.conf.parent.mkdir(exist_ok=True)
        self.conf.write_text("".join(sections), "utf-8")

    def serve(self, *suffixes: str) -> None:
        types = [{"suffix": suffix, "user_data": f"https://vo.example.org/{suffix}"} for suffix in suffixes]
        self.served = json.dumps({"cache_seconds": 60, "machinetypes": types}).encode()

    def fetch(self, url: str, **_: Any) -> Fetched:
        self.asked += 1
        if self.served is None:
            raise FetchError(f"{url} cannot be fetched: refused")
        return Fetched(url=url, body=self.served)

    def source(self, now: float = NOW) -> SiteFiles:
        pipes = PipeCache(self.directory, self.fetch)
        return SiteFiles([self.conf.parent], [], pipes, self.directory / "machinetypes", now, self.kept)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.write(SETTINGS, LHCB)
    return made


def test_the_first_reading_gives_the_site_and_says_what_is_wrong_with_it(files: Files) -> None:
    source = files.source()
    assert source.site.machinetypes.keys() == {"lhcb"}
    assert (source.problems, source.stale, source.read_at) == ((), False, NOW)
    files.write(SETTINGS, LHCB, "[machinetype atlas]\nmax_processors = two\n")
    source = files.source()
    assert source.site.machinetypes.keys() == {"lhcb"}
    assert source.site.disabled.keys() == {"atlas"}
    assert "vac.conf:7 [machinetype atlas] max_processors" in source.problems[0]


def test_a_first_reading_without_a_site_is_refused_with_every_problem(files: Files) -> None:
    files.write("[settings]\nvac_space = vac01.example.org\ntotal_processors = many\npoll_seconds = -1\n")
    with pytest.raises(NoSiteError) as caught:
        files.source()
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "vac.conf:3 [settings] total_processors" in lines[0]
    assert "vac.conf:4 [settings] poll_seconds" in lines[1]


BROKEN = "[settings]\nvac_space = vac01.example.org\ndraining = perhaps\n"


def test_a_start_with_broken_files_goes_on_with_those_that_last_were_good(files: Files) -> None:
    files.serve("prod")
    files.write(SETTINGS, LHCB, PIPE)
    good = files.source().site
    files.write(BROKEN, MORE)
    again = files.source(NOW + 10)
    assert (again.site, again.stale) == (good, True)
    assert [problem.partition(": ")[0] for problem in again.problems] == [f"{files.conf}:3 [settings] draining"]
    assert not again.refresh(NOW + 20, force=True)
    assert again.site == good
    files.write(SETTINGS, MORE)
    assert again.refresh(NOW + 30)
    assert (again.stale, again.problems) == (False, ())
    assert again.site.machinetypes["lhcb"].target_share == 3.0


def test_what_is_kept_follows_each_good_reading_and_no_broken_one(files: Files) -> None:
    source = files.source()
    files.write(SETTINGS, MORE)
    source.refresh(NOW + 5)
    files.write(BROKEN, LHCB)
    source.refresh(NOW + 10)
    assert files.source(NOW + 15).site.machinetypes["lhcb"].target_share == 3.0
    assert stat.S_IMODE(files.kept.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kept", [b"", b"[]", b"{", b'{"sources": 1}', b"\xff", b'{"sources": [], "files": {}}'])
def test_what_was_kept_of_other_files_or_is_damaged_is_not_used(files: Files, kept: bytes) -> None:
    files.source()
    files.write(BROKEN, LHCB)
    files.kept.path.write_bytes(kept)
    with pytest.raises(NoSiteError, match="draining"):
        files.source()


def test_files_that_cannot_be_kept_are_used_all_the_same(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    files.kept.path.mkdir()
    assert files.source().site.machinetypes.keys() == {"lhcb"}
    assert "the site files cannot be kept" in caplog.text


def test_nothing_is_read_again_while_nothing_changes(files: Files) -> None:
    source = files.source()
    before = source.site
    assert not source.refresh(NOW + 10)
    assert source.site is before
    assert source.read_at == NOW
    assert not source.refresh(NOW + 20, force=True)
    assert source.read_at == NOW + 20


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files.write(SETTINGS, MORE),
        lambda files: (files.conf.parent / "zz.conf").write_text("[machinetype lhcb]\ntarget_share = 3\n", "utf-8"),
    ],
    ids=["edited", "added"],
)
def test_a_change_is_taken_up_and_taken_back(files: Files, change: Callable[[Files], None]) -> None:
    source = files.source()
    before = source.site
    change(files)
    assert source.refresh(NOW + 5)
    assert source.site.machinetypes["lhcb"].target_share == 3.0
    assert source.read_at == NOW + 5
    (files.conf.parent / "zz.conf").unlink(missing_ok=True)
    files.write(SETTINGS, LHCB)
    assert source.refresh(NOW + 10)
    assert source.site == before


def test_a_change_of_words_alone_is_no_change_of_the_site(files: Files) -> None:
    source = files.source()
    files.write("# a remark\n", SETTINGS, LHCB)
    assert not source.refresh(NOW + 5)
    assert source.read_at == NOW + 5


def test_broken_files_leave_the_last_good_reading_in_force_until_they_are_mended(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    source = files.source()
    before = source.site
    for broken in ("[settings]\nvac_space = vac01.example.org\npoll_seconds = soon\n", "\0", ""):
        files.write(broken)
        for _ in range(3):
            assert not source.refresh(NOW + 5, force=True)
            assert source.site is before
            assert source.stale
            assert source.problems
    files.write(SETTINGS, MORE)
    assert source.refresh(NOW + 10)
    assert (source.stale, source.problems) == (False, ())
    assert source.site.machinetypes["lhcb"].target_share == 3.0
    assert len([one for one in caplog.records if "last good reading stays in force" in one.getMessage()]) == 3


def test_files_that_vanish_leave_the_last_good_reading_in_force(files: Files) -> None:
    source = files.source()
    files.conf.unlink()
    files.conf.parent.rmdir()
    assert not source.refresh(NOW + 5)
    assert source.stale
    assert source.site.machinetypes.keys() == {"lhcb"}


def test_a_pipes_machinetypes_are_part_of_the_site_from_the_start(files: Files) -> None:
    files.write(SETTINGS, LHCB, PIPE)
    files.serve("prod", "test")
    source = files.source()
    assert source.site.machinetypes.keys() == {"lhcb", "vo-prod", "vo-test"}
    assert files.asked == 1


def test_pipes_are_looked_at_in_their_own_time_though_no_file_changes(files: Files) -> None:
    files.write(SETTINGS, LHCB, PIPE)
    files.serve("prod")
    source = files.source()
    files.serve("test")
    assert not source.refresh(NOW + PIPES_LOOKED_AT_SECONDS)
    assert files.asked == 1
    assert source.refresh(NOW + 60)
    assert source.site.machinetypes.keys() == {"lhcb", "vo-test"}


def test_pipes_are_looked_at_after_the_clock_was_set_back(files: Files) -> None:
    files.write(SETTINGS, LHCB, PIPE)
    files.serve("prod")
    source = files.source()
    files.serve("test")
    assert source.refresh(NOW - 86400)
    assert source.site.machinetypes.keys() == {"lhcb", "vo-test"}


def test_a_pipe_in_an_outage_keeps_its_machinetypes_and_says_so(files: Files) -> None:
    files.write(SETTINGS, LHCB, PIPE)
    files.serve("prod")
    source = files.source()
    files.served = None
    assert not source.refresh(NOW + 60)
    assert source.site.machinetypes.keys() == {"lhcb", "vo-prod"}
    assert not source.stale
    assert ["refused" in problem for problem in source.problems] == [True]
    again = files.source(NOW + 120)
    assert again.site.machinetypes.keys() == {"lhcb", "vo-prod"}, "also over a restart"


def test_a_pipe_that_was_never_had_disables_nothing_else(files: Files) -> None:
    files.write(SETTINGS, LHCB, PIPE)
    source = files.source()
    assert source.site.machinetypes.keys() == {"lhcb"}
    assert any("no earlier copy" in problem for problem in source.problems)
    files.serve("prod")
    assert source.refresh(NOW + 60)
    assert source.site.machinetypes.keys() == {"lhcb", "vo-prod"}
    assert source.problems == ()


def test_while_files_are_broken_their_pipes_machinetypes_stay_too(files: Files) -> None:
    files.write(SETTINGS, LHCB, PIPE)
    files.serve("prod")
    source = files.source()
    files.write("[settings]\n")
    assert not source.refresh(NOW + 60)
    assert source.site.machinetypes.keys() == {"lhcb", "vo-prod"}


def test_a_site_that_is_given_changes_when_another_is_assigned() -> None:
    source = FixedSite(Site(settings=settings()), NOW)
    assert not source.refresh(NOW + 1)
    source.site = Site(settings=settings(), machinetypes={"lhcb": machinetype()})
    assert source.refresh(NOW + 2)
    assert not source.refresh(NOW + 3)
    assert source.read_at == NOW + 2
