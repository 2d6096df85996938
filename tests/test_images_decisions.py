"""What may be used, what is asked, what makes room: the pure parts of the cache of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.images import Fetching, Progress, shown_size
from vac_core.images.records import PartRecord, Source, Validators, key, read, write
from vac_core.images.room import Kept, too_many, too_old
from vac_core.images.rules import Rules
from vac_core.images.standing import standing
from vac_core.testing import settings

RULES = Rules.of(settings())
NOW = 1_700_000_000.0

times = st.none() | st.floats(NOW - 200_000, NOW + 1000)
sources = st.builds(
    Source,
    url=st.just("http://example.org/a.img"),
    pinned=st.booleans(),
    sha256=st.none() | st.just("a" * 64),
    outdated=st.booleans(),
    checked=times,
    tried=times,
    problem=st.sampled_from(["", "it broke"]),
)
kept = st.lists(
    st.builds(
        Kept, sha256=st.uuids().map(str), size=st.integers(0, 10**6), used=st.floats(0, NOW), leased=st.booleans()
    ),
    max_size=12,
)


@given(sources, st.booleans())
def test_no_image_is_used_that_may_be_old(source: Source, here: bool) -> None:
    found = standing(source, here=here, now=NOW, rules=RULES)
    if found.usable:
        assert here
        assert source.sha256 is not None
    if found.usable and not source.pinned:
        assert not source.outdated
        assert source.checked is not None
        assert 0 <= NOW - source.checked <= RULES.stale_seconds


@given(sources, st.booleans())
def test_what_is_not_usable_is_asked_for_or_has_just_failed(source: Source, here: bool) -> None:
    found = standing(source, here=here, now=NOW, rules=RULES)
    if not found.usable and not found.due:
        assert found.problem.endswith("it broke")
        assert source.tried is not None
        assert NOW - source.tried < 60.0


@given(kept, st.integers(0, 10**7), st.integers(0, 10**7))
def test_room_is_made_by_the_longest_unused_and_never_by_leased_images(
    images: list[Kept], needed: int, size: int
) -> None:
    rules = attrs.evolve(RULES, cache_octets=size)
    gone = {one.sha256 for one in too_many(images, needed, rules)}
    left = [one for one in images if one.sha256 not in gone]
    assert not any(one.leased for one in images if one.sha256 in gone)
    fits = sum(one.size for one in left) + needed <= size
    assert fits or all(one.leased for one in left)
    latest = max((one.used for one in images if one.sha256 in gone), default=0.0)
    assert all(one.used >= latest for one in left if not one.leased)


@given(kept)
def test_old_images_go_unless_they_are_leased(images: list[Kept]) -> None:
    gone = {one.sha256 for one in too_old(images, NOW, RULES)}
    for one in images:
        assert (one.sha256 in gone) == (not one.leased and NOW - one.used > 30 * 86400)


tags = st.none() | st.sampled_from(['"a"', 'W/"a"', '"b"'])
dates = st.none() | st.sampled_from(["Mon", "Tue"])
validators = st.builds(Validators, etag=tags, last_modified=dates)


@given(validators, validators)
def test_versions_are_the_same_for_both_or_for_none(one: Validators, other: Validators) -> None:
    assert one.same(other) == other.same(one)
    assert one.same(one) == one.known
    if one.etag and other.etag and one.etag[-3:] != other.etag[-3:]:
        assert not one.same(other)


@given(validators)
def test_no_weak_tag_stands_for_a_range(one: Validators) -> None:
    assert not (one.range_condition or "").startswith("W/")


@given(sources)
def test_a_record_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, source: Source) -> None:
    path = tmp_path_factory.getbasetemp() / "source.json"
    write(path, source)
    assert read(path, Source) == source


@given(st.binary(max_size=200))
def test_a_record_that_is_none_is_taken_for_nothing(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "part.json"
    path.write_bytes(raw)
    assert read(path, PartRecord) in {None, PartRecord()}


def test_a_prescribed_checksum_makes_another_image_of_the_same_url() -> None:
    assert len({key("http://a/b", None), key("http://a/b", "a" * 64), key("http://a/c", None)}) == 3


def test_no_record_is_no_error(tmp_path: Path) -> None:
    assert read(tmp_path / "none", Source) is None


@pytest.mark.parametrize(
    ("octets", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_200_000_000, "1.2 GB"), (5 * 10**15, "5000.0 TB")],
)
def test_sizes_are_shown_for_people(octets: int, shown: str) -> None:
    assert shown_size(octets) == shown


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        (Progress(octets=480_000_000, total=1_200_000_000), "40 % of 1.2 GB have come"),
        (Progress(octets=480, total=1200, octets_per_second=11.0), "40 % of 1.2 kB have come, at 11 bytes a second"),
        (Progress(octets=480), "480 bytes have come"),
        (None, "the server is being asked"),
    ],
)
def test_progress_is_shown_for_people(progress: Any, shown: str) -> None:
    assert str(Fetching("http://a/b", progress)) == shown
