"""Machine/Job Features: every key, in its unit, as HSF-TN-2016-02 defines it."""

from __future__ import annotations

import re
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.context.features import features
from vac_core.factory.features_files import update_shutdowntime, write_features
from vac_core.interfaces import Features
from vac_core.testing import NOW, machine, machinetype, settings

GIB = 2**30


def made(of_settings=None, host_hs06=800.0, now=NOW, **changes):
    one = machine(0, **{"processors": 4, "hs06_per_processor": 12.5, "shutdown_time": NOW + 3600.0, **changes})
    of_type = machinetype(grace_seconds=120)
    return one, features(one, of_type, of_settings or settings(), host_processors=64, host_hs06=host_hs06, now=now)


def test_the_machine_in_the_note_s_words_is_the_host():
    _, both = made()
    assert both.machinefeatures["total_cpu"] == "64"
    assert both.machinefeatures["hs06"] == "800.0"
    assert both.machinefeatures["grace_secs"] == "120"
    assert both.machinefeatures["shutdowntime"] == str(int(NOW) + 3600)


def test_the_job_in_the_note_s_words_is_the_machine():
    one, both = made(memory_bytes=8 * GIB)
    assert {key: value for key, value in both.jobfeatures.items() if key in NOTE} == {
        "allocated_cpu": "4",
        "hs06_job": "50.0",
        "shutdowntime_job": str(int(NOW) + 3600),
        "grace_secs_job": "120",
        "jobstart_secs": str(int(NOW)),
        "job_id": one.id,
        "wall_limit_secs": "3600",
        "cpu_limit_secs": "14400",
        "max_rss_bytes": str(8 * GIB),
        "scratch_limit_bytes": "160000000000",
    }


NOTE = {
    "allocated_cpu",
    "hs06_job",
    "shutdowntime_job",
    "grace_secs_job",
    "jobstart_secs",
    "job_id",
    "wall_limit_secs",
    "cpu_limit_secs",
    "max_rss_bytes",
    "max_swap_bytes",
    "scratch_limit_bytes",
}


def test_memory_comes_from_the_settings_where_the_machine_has_none():
    _, both = made(settings(mb_per_processor=3000))
    assert both.jobfeatures["max_rss_bytes"] == str(4 * 3000 * 1048576)


def test_without_a_benchmark_the_hs06_keys_are_left_out():
    _, both = made(host_hs06=None)
    assert "hs06" not in both.machinefeatures
    assert "hs06_job" not in both.jobfeatures


def test_the_factory_s_own_shutdown_time_cuts_the_machine_s():
    _, both = made(settings(shutdown_time=int(NOW) + 600))
    assert both.machinefeatures["shutdowntime"] == both.jobfeatures["shutdowntime_job"] == str(int(NOW) + 600)
    assert both.jobfeatures["wall_limit_secs"] == "600"


def test_keys_of_before_2016_are_there_until_the_site_drops_them():
    _, both = made(memory_bytes=8 * GIB)
    assert both.machinefeatures.items() >= {"jobslots": "1", "phys_cores": "4", "log_cores": "4"}.items()
    assert both.jobfeatures["mem_limit_MB"] == str(8 * GIB // 10**6)
    assert both.jobfeatures["allocated_CPU"] == "4"
    assert both.jobfeatures["cpu_limit_secs_lrms"] == "14400"
    _, new_only = made(settings(deprecated_features=False), memory_bytes=8 * GIB)
    assert new_only.jobfeatures.keys() <= NOTE
    assert not new_only.machinefeatures.keys() & {"jobslots", "phys_cores", "log_cores"}


def test_a_site_s_own_keys_are_added_unless_they_cannot_be_files():
    _, both = made(settings(machinefeatures_option={"rack": "B7", "../../etc/x": "no", "hs06": "1.5"}))
    assert both.machinefeatures["rack"] == "B7"
    assert both.machinefeatures["hs06"] == "1.5"
    assert "../../etc/x" not in both.machinefeatures


@given(late=st.floats(-1e6, 1e6), processors=st.integers(1, 512))
def test_limits_are_whole_and_never_negative(late, processors):
    _, both = made(now=NOW + late, processors=processors)
    wall = int(both.jobfeatures["wall_limit_secs"])
    assert wall >= 0
    assert int(both.jobfeatures["cpu_limit_secs"]) == wall * processors
    assert all(re.fullmatch(r"[!-~]+", value) for value in both.jobfeatures.values())


def test_features_are_files_that_anyone_may_read(tmp_path):
    _, both = made()
    write_features(tmp_path, both)
    read = {path.name: path.read_text() for path in (tmp_path / "jobfeatures").iterdir()}
    assert read == both.jobfeatures
    assert {path.name: path.read_text() for path in (tmp_path / "machinefeatures").iterdir()} == both.machinefeatures
    assert stat.S_IMODE((tmp_path / "jobfeatures").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "jobfeatures" / "job_id").stat().st_mode) == 0o644


def test_written_again_they_lose_keys_that_are_gone(tmp_path):
    write_features(tmp_path, Features(machinefeatures={"a": "1", "b": "2"}, jobfeatures={}))
    write_features(tmp_path, Features(machinefeatures={"b": "3"}, jobfeatures={}))
    assert {path.name: path.read_text() for path in (tmp_path / "machinefeatures").iterdir()} == {"b": "3"}


def test_a_key_that_is_no_file_name_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"'\.\./x' cannot be a key of machinefeatures"):
        write_features(tmp_path, Features(machinefeatures={"../x": "1"}, jobfeatures={}))
    assert list(tmp_path.iterdir()) == []


def test_a_running_machine_is_told_of_another_shutdown_time(tmp_path):
    _, both = made()
    write_features(tmp_path, both)
    reader = (tmp_path / "jobfeatures" / "shutdowntime_job").open()
    update_shutdowntime(tmp_path, NOW + 60.7)
    assert (tmp_path / "machinefeatures" / "shutdowntime").read_text() == str(int(NOW) + 60)
    assert (tmp_path / "jobfeatures" / "shutdowntime_job").read_text() == str(int(NOW) + 60)
    with reader:
        assert reader.read() == str(int(NOW) + 3600)  # who is reading meanwhile finds the old value whole


def test_a_machine_whose_features_are_gone_is_left_alone(tmp_path):
    update_shutdowntime(tmp_path, NOW)
    assert list(tmp_path.iterdir()) == []
