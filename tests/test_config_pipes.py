"""Vacuum pipes: what a VO publishes is taken machinetype by machinetype, and refused with a reason."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vac_core.config.load import Loaded, load
from vac_core.config.pipes import DEFAULT_CACHE_SECONDS, PipeDocument, PipeError, parse

SECTION = "[vacuum_pipe vo]\nvacuum_pipe_url = https://vo.example.org/vo.pipe?token=hunter2\ntarget_share = 10\n"


def pipe(*machinetypes: Any, **more: Any) -> PipeDocument:
    return parse(json.dumps({"machinetypes": machinetypes, **more}).encode())


def loaded(directory: Path, document: PipeDocument, sections: str = SECTION) -> Loaded:
    path = directory / "vac.conf"
    path.write_text(f"[settings]\nvac_space = vac01.example.org\n{sections}", "utf-8")
    return load([path], [], {"vo": document})


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "it is not JSON"),
        (b" <!DOCTYPE html><html>404 Not Found</html>", "it is HTML, not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[" * 100000, "it is not JSON"),
        (b'{"cache_seconds": NaN, "machinetypes": []}', "NaN is no number"),
        (b'{"cache_seconds": ' + b"9" * 5000 + b', "machinetypes": []}', "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b"{}", "it has no list of machinetypes"),
        (b'{"machinetypes": {"suffix": "a"}}', "it has no list of machinetypes"),
        (json.dumps({"machinetypes": [{"suffix": f"a{n}"} for n in range(101)]}).encode(), "the most is 100"),
    ],
    ids=range(11),
)
def test_what_is_no_vacuum_pipe_is_refused_as_a_whole(document: bytes, why: str) -> None:
    with pytest.raises(PipeError, match=why):
        parse(document)


def test_options_of_any_json_type_become_text() -> None:
    read = pipe(
        {
            "suffix": "prod",
            "target_share": "0.5",
            "max_processors": 8,
            "machines": 1.5,
            "legacy_proxy": False,
            "tmp_binds": ["/tmp", "/var/tmp"],
            "user_data_option_text": " two\nlines ",
            "heartbeat_file": " heartbeat ",
        }
    )
    assert read.entries["prod"].target_share == 0.5
    assert read.entries["prod"].options == {
        "max_processors": "8",
        "machines": "1.5",
        "legacy_proxy": "no",
        "tmp_binds": "/tmp /var/tmp",
        "user_data_option_text": " two\nlines ",
        "heartbeat_file": "heartbeat",
    }


@pytest.mark.parametrize(
    ("given_seconds", "seconds", "told"),
    [
        (600, 600, 0),
        (0, 1, 0),
        (-5, 1, 0),
        (1e300, 7 * 86400, 0),
        ("soon", DEFAULT_CACHE_SECONDS, 1),
        (True, DEFAULT_CACHE_SECONDS, 1),
        (None, DEFAULT_CACHE_SECONDS, 1),
    ],
)
def test_cache_seconds_are_kept_within_reason(given_seconds: Any, seconds: int, told: int) -> None:
    read = pipe(cache_seconds=given_seconds)
    assert (read.cache_seconds, len(read.left_out)) == (seconds, told)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"user_data": "/etc/shadow"}, "user_data that holds '/' must begin with http:// or https://"),
        ({"user_data": "file:///etc/shadow"}, "user_data that holds '/' must begin with http:// or https://"),
        ({"user_data": "https://vo.example.org/../x"}, "user_data may not hold '.' or '..' as a part of its path"),
        ({"user_data": ".."}, "user_data may not hold '.' or '..' as a part of its path"),
        ({"root_image": "/etc/passwd"}, "root_image that holds '/' must begin with docker://, /cvmfs/, "),
        ({"root_image": "/cvmfs/../etc/passwd"}, "root_image may not hold '.' or '..' as a part of its path"),
        ({"user_data_file_key": "../x509key.pem"}, "user_data_file_key may not hold '/'"),
        ({"user_data_file_key": "."}, "user_data_file_key may not hold '.' or '..' as a part of its path"),
        ({"cvmfs_repositories": ["a.example.org", "../b"]}, "cvmfs_repositories may not hold '/'"),
        ({"heartbeat_file": "a/b"}, "heartbeat_file may not hold '/'"),
        ({"user_data_proxy": "/root/key"}, "user_data_proxy may not hold '/'"),
        ({"max_processors": None}, "max_processors is neither a text, a finite number, yes or no, nor a list of texts"),
        ({"max_processors": {"a": 1}}, "max_processors is neither a text"),
        ({"tmp_binds": ["/tmp", 1]}, "tmp_binds is neither a text"),
        ({"max_processors": 10**400}, "max_processors is neither a text"),
        ({"root_image": "a\nb"}, "root_image holds characters that it may not hold, such as line feeds"),
        ({"user_data_option_x": "\0"}, "user_data_option_x holds characters that it may not hold"),
        ({"user_data_option_x": "\ud800"}, "user_data_option_x holds characters that it may not hold"),
        ({"user_data_option_x": "x" * 70000}, "user_data_option_x is longer than 65536 characters"),
        ({"Max Processors": 1}, "'Max Processors' is no name of an option"),
        ({"\x1b[31m": 1}, "'\\x1b[31m' is no name of an option"),
        ({f"user_data_option_{n}": "" for n in range(200)}, "it has 201 options: the most is 200"),
        ({"target_share": "much"}, "target_share is not a number"),
        ({"target_share": -1}, "target_share is not a finite number from 0 on"),
        ({"target_share": "inf"}, "target_share is not a finite number from 0 on"),
    ],
    ids=range(25),
)
def test_a_wrong_machinetype_of_a_pipe_disables_itself_alone(tmp_path: Path, options: Any, why: str) -> None:
    found = loaded(tmp_path, pipe({"suffix": "bad", **options}, {"suffix": "good", "target_share": 1}))
    assert found.site is not None
    assert {name: one.target_share for name, one in found.site.machinetypes.items()} == {"vo-good": 10.0}
    assert found.site.disabled["vo-bad"].startswith(f"https://vo.example.org/vo.pipe [machinetype vo-bad]: {why}")


@pytest.mark.parametrize(
    "options", [{"min_processors": 9}, {"max_processors": "two"}, {"machine_model": "B_A"}, {"backoff_seconds": 1.5}]
)
def test_values_that_no_option_takes_disable_their_machinetype_alone(tmp_path: Path, options: Any) -> None:
    found = loaded(tmp_path, pipe({"suffix": "bad", **options}, {"suffix": "good"}))
    assert found.site is not None
    assert list(found.site.machinetypes) == ["vo-good"]
    assert list(found.site.disabled) == ["vo-bad"]


def test_items_that_name_no_machinetype_are_left_out_and_told_of(tmp_path: Path) -> None:
    document = pipe({"suffix": "a"}, {"suffix": "a_b"}, {"suffix": "a"}, {"target_share": 1}, 7, {"suffix": 7})
    found = loaded(tmp_path, document)
    assert found.site is not None
    assert list(found.site.machinetypes) == ["vo-a"]
    assert [problem.what for problem in found.problems] == [
        "machinetype 2 has no suffix of lower-case letters, digits and hyphens",
        "machinetype 3 has the same suffix as another: a",
        "machinetype 4 has no suffix of lower-case letters, digits and hyphens",
        "machinetype 5 has no suffix of lower-case letters, digits and hyphens",
        "machinetype 6 has no suffix of lower-case letters, digits and hyphens",
    ]
    assert not any("hunter2" in str(problem) for problem in found.problems)


def test_options_that_a_pipe_may_not_set_are_left_out(tmp_path: Path) -> None:
    found = loaded(tmp_path, pipe({"suffix": "a", "machinegroup": "x", "machines_dir_days": 9, "future_option": 1}))
    assert found.site is not None
    assert found.site.machinetypes["vo-a"].machinegroup is None
    assert [problem.option for problem in found.problems] == ["machinegroup", "machines_dir_days", "future_option"]
    assert not any(problem.is_error for problem in found.problems)


def test_a_wrong_default_of_the_section_disables_all_of_its_machinetypes(tmp_path: Path) -> None:
    sections = f"{SECTION}backoff_seconds = long\n[machinetype own]\n"
    found = loaded(tmp_path, pipe({"suffix": "a"}, {"suffix": "b"}), sections)
    assert found.site is not None
    assert list(found.site.machinetypes) == ["own"]
    assert set(found.site.disabled) == {"vo-a", "vo-b"}
    assert len(found.problems) == 1
    assert loaded(tmp_path, pipe(), sections).problems == found.problems


def test_two_pipes_may_not_define_the_same_machinetype(tmp_path: Path) -> None:
    path = tmp_path / "vac.conf"
    pipes = "".join(f"[vacuum_pipe {one}]\nvacuum_pipe_url = https://{one}.example.org/\n" for one in ("a", "a-b"))
    path.write_text(f"[settings]\nvac_space = vac01.example.org\n{pipes}", "utf-8")
    found = load([path], [], {"a": pipe({"suffix": "b-c"}), "a-b": pipe({"suffix": "c"})})
    assert found.site is not None
    assert found.site.machinetypes["a-b-c"].pipe == "a"
    assert [problem.what for problem in found.problems] == ["[vacuum_pipe a] defines a-b-c too, so it is left out here"]


def test_a_section_for_what_its_pipe_no_longer_defines_waits(tmp_path: Path) -> None:
    sections = f"{SECTION}[machinetype vo-old]\nbackoff_seconds = 60\n[machinetype vo-own]\nuser_data = own\n"
    found = loaded(tmp_path, pipe({"suffix": "new"}), sections)
    assert found.site is not None
    assert set(found.site.machinetypes) == {"vo-new", "vo-own"}
    assert found.site.disabled == {
        "vo-old": "[vacuum_pipe vo] does not define it, and [machinetype vo-old] sets no user_data"
    }


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(["suffix", "target_share", "max_processors", "user_data", "root_image", "machine_model"])
_MACHINETYPES = st.dictionaries(_KEYS | st.text(max_size=5), _VALUES, max_size=5)
_SUFFIXED = st.builds(
    lambda suffix, options: {**options, "suffix": suffix}, st.from_regex(r"[a-z]{1,3}", fullmatch=True), _MACHINETYPES
)
_DOCUMENTS = st.fixed_dictionaries({"machinetypes": st.lists(_SUFFIXED | _MACHINETYPES | _VALUES, max_size=5)})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(document=st.one_of(st.binary(), (_DOCUMENTS | _VALUES).map(lambda one: json.dumps(one).encode())))
@example(document=b'{"machinetypes": [{"suffix": "a", "target_share": 1e308}, {"suffix": "b", "target_share": 1e308}]}')
@example(document=b'{"machinetypes": [{"suffix": "a", "target_share": 5e-324}]}')
def test_no_document_raises_or_stops_the_factory(document: bytes, tmp_path: Path) -> None:
    try:
        read = parse(document)
    except PipeError as error:
        read = PipeDocument(left_out=(str(error),))
    site = loaded(tmp_path, read).site
    assert site is not None
    assert set(site.machinetypes) | set(site.disabled) == {f"vo-{suffix}" for suffix in read.entries}
    assert sum(one.target_share for one in site.machinetypes.values()) <= 10.0 * (1 + 1e-9)
    assert all(math.isfinite(one.target_share) and one.target_share >= 0 for one in site.machinetypes.values())
