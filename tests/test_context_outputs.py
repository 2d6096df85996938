"""What machines leave in joboutputs: rules of names and limits, and reading it without trusting it."""

from __future__ import annotations

import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.context.outputs import FRACTION_DONE, Limits, Usage, name_problem, usage_problem, with_file
from vac_core.factory.outputs import (
    DEEPEST,
    output_names,
    outputs_problem,
    read_progress,
    read_shutdown_message,
)
from vac_core.testing import settings

MIB = 1048576


@pytest.mark.parametrize("name", ["shutdown_message", "heartbeat", "vm-end.log", "a", "StdOut.0001", "x" * 128, "_x"])
def test_usual_names_are_allowed(name):
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "a b", "a\n", "x" * 129, "\N{SNOWMAN}", "a\0", "-rf"]
)
def test_other_names_are_refused_with_the_rule(name):
    assert "not a name for a job output" in name_problem(name)


def test_limits_are_those_of_the_site():
    assert Limits.of(settings(joboutputs_max_mb=2, joboutputs_max_files=3)) == Limits(files=3, octets=2 * MIB)


@given(
    files=st.integers(0, 20), octets=st.integers(0, 2000), size=st.integers(0, 2000), replaced=st.none() | st.just(0)
)
def test_a_problem_is_told_just_when_a_limit_is_passed(files, octets, size, replaced):
    limits = Limits(files=10, octets=1000)
    after = with_file(Usage(files=files, octets=octets), size, replaced)
    assert after.octets == octets + size
    assert after.files == files + (replaced is None)
    assert (usage_problem(after, limits) is not None) == (after.files > 10 or after.octets > 1000)


def test_a_replaced_file_no_longer_counts():
    assert with_file(Usage(files=3, octets=900), 100, 800) == Usage(files=3, octets=200)


def test_a_shutdown_message_is_read_but_not_without_end(tmp_path):
    assert read_shutdown_message(tmp_path) is None
    (tmp_path / "shutdown_message").write_bytes(b"200 Success\n")
    assert read_shutdown_message(tmp_path) == b"200 Success\n"
    (tmp_path / "shutdown_message").write_bytes(b"300 " + b"x" * 10**6)
    assert len(read_shutdown_message(tmp_path)) == 512


@pytest.mark.parametrize(
    ("said", "progress"),
    [
        (b"0.25\n", 0.25),
        (b"0.1\n0.2\r\n0.3", 0.3),
        (b"x" * 10**6 + b"\n1", 1.0),
        (b"", None),
        (b"soon", None),
        (b"1.5", None),
        (b"-0.1", None),
        (b"nan", None),
        (b"\xff", None),
    ],
)
def test_progress_is_the_last_part_that_a_machine_says(tmp_path, said, progress):
    (tmp_path / FRACTION_DONE).write_bytes(said)
    assert read_progress(tmp_path) == progress


def test_a_machine_that_says_nothing_has_no_progress(tmp_path):
    assert read_progress(tmp_path) is None
    os.mkfifo(tmp_path / FRACTION_DONE)
    assert read_progress(tmp_path) is None


def test_a_joboutputs_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "shutdown_message").write_text("200 not mine")
    (tmp_path / "joboutputs").symlink_to(tmp_path / "elsewhere")
    assert read_shutdown_message(tmp_path / "joboutputs") is None
    assert output_names(tmp_path / "joboutputs", 10) == ()
    assert "cannot be read" in outputs_problem(tmp_path / "joboutputs", settings())


def test_outputs_within_the_limits_are_no_problem(tmp_path):
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "log").write_bytes(b"x" * 1000)
    assert outputs_problem(tmp_path, settings()) is None


def test_ten_gigabytes_are_a_problem_that_names_the_option(tmp_path):
    with (tmp_path / "deeper").open("wb") as file:
        file.truncate(10 * 10**9)
    problem = outputs_problem(tmp_path, settings())
    assert problem == f"{tmp_path.name} holds more than 100 MiB: the most that joboutputs_max_mb allows"


def test_room_that_is_taken_beyond_a_file_s_end_counts(tmp_path):
    (tmp_path / "log").write_bytes(b"x" * 5 * MIB)
    descriptor = os.open(tmp_path / "log", os.O_WRONLY)
    os.ftruncate(descriptor, 1)
    os.posix_fallocate(descriptor, 0, 3 * MIB)
    os.close(descriptor)
    assert "joboutputs_max_mb" in outputs_problem(tmp_path, settings(joboutputs_max_mb=2))


def test_a_hundred_thousand_files_are_a_problem_found_without_counting_them_all(tmp_path):
    (tmp_path / "a").touch()
    for place in range(100_000):
        (tmp_path / f"output{place}").symlink_to("a")
    tracemalloc.start()
    problem = outputs_problem(tmp_path, settings())
    names = output_names(tmp_path, 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problem == f"{tmp_path.name} holds more than 1000 files: the most that joboutputs_max_files allows"
    assert len(names) == 1000
    assert peak < MIB


def test_files_in_deeper_directories_count_too(tmp_path):
    for place in range(40):
        (tmp_path / f"d{place}").mkdir()
        for inner in range(40):
            (tmp_path / f"d{place}" / f"f{inner}").touch()
    assert "1000 files" in outputs_problem(tmp_path, settings())
    assert outputs_problem(tmp_path, settings(joboutputs_max_files=1640)) is None
    assert "1639 files" in outputs_problem(tmp_path, settings(joboutputs_max_files=1639))


def test_directories_without_end_are_a_problem(tmp_path):
    deepest = tmp_path
    for _ in range(DEEPEST + 2):
        deepest /= "d"
        deepest.mkdir()
    assert "deep" in outputs_problem(tmp_path, settings())


def test_a_link_to_a_directory_is_not_walked_into(tmp_path):
    (tmp_path / "joboutputs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for place in range(20):
        (tmp_path / "elsewhere" / str(place)).touch()
    (tmp_path / "joboutputs" / "link").symlink_to(tmp_path / "elsewhere")
    assert outputs_problem(tmp_path / "joboutputs", settings(joboutputs_max_files=5)) is None
