"""BOINC's own file of preferences: what is taken from it, and that nothing in it does harm."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.preferences import Preferences, overlaid
from vac_boinc.prefs_file import MOST_OCTETS, PrefsFileError, parse, read_prefs
from vac_boinc.windows import DayWindow, Window

OVERRIDE = b"""<global_preferences>
   <run_on_batteries>0</run_on_batteries>
   <run_if_user_active>0</run_if_user_active>
   <idle_time_to_run>3.000000</idle_time_to_run>
   <suspend_cpu_usage>25.000000</suspend_cpu_usage>
   <start_hour>22.5</start_hour>
   <end_hour>6.000000</end_hour>
   <day_prefs><day_of_week>6</day_of_week><start_hour>0</start_hour><end_hour>24</end_hour></day_prefs>
   <max_ncpus_pct>50.000000</max_ncpus_pct>
   <work_buf_min_days>0.1</work_buf_min_days>
</global_preferences>
"""


def test_a_clients_file_is_understood() -> None:
    prefs = overlaid(parse(OVERRIDE))
    assert (prefs.run_on_batteries, prefs.run_if_user_active, prefs.start_hour, prefs.end_hour) == (
        False,
        False,
        22.5,
        6,
    )
    assert prefs.day_prefs == (DayWindow(6, Window(0, 24)),)
    assert prefs.processors(8, in_use=True) == 4


def test_a_venue_takes_the_place_of_the_rest() -> None:
    raw = b"""<global_preferences><cpu_usage_limit>90</cpu_usage_limit>
    <venue name="work"><cpu_usage_limit>20</cpu_usage_limit></venue></global_preferences>"""
    assert parse(raw, "work") == {"cpu_usage_limit": 20}
    assert parse(raw, "home") == {"cpu_usage_limit": 90}


def test_unknown_elements_and_unreadable_values_are_warned_of_and_the_rest_holds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    raw = b"""<global_preferences><flux_capacitor>1</flux_capacitor><suspend_cpu_usage>lots</suspend_cpu_usage>
    <start_hour>99</start_hour><end_hour/><run_on_batteries/><max_ncpus_pct>none</max_ncpus_pct>
    <day_prefs><day_of_week>9</day_of_week></day_prefs><day_prefs/></global_preferences>"""
    assert parse(raw) == {"run_on_batteries": True}
    for name in ("flux_capacitor", "suspend_cpu_usage", "start_hour", "end_hour", "max_ncpus_pct", "day_of_week"):
        assert f"<{name}>" in caplog.text


BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<global_preferences><start_hour>&b;</start_hour></global_preferences>"""


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (BOMB, "declares entities"),
        (b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><global_preferences/>", "declares entities or a document type"),
        (b"<global_preferences>", "is not XML"),
        (b"", "is not XML"),
        (b"\xff\xfe\x00", "is not XML"),
        (b"<html/>", "outermost element is <html>"),
        (b"<?xml version='1.0' encoding='none-such'?><global_preferences/>", "is not XML"),
    ],
)
def test_what_is_malformed_or_hostile_is_refused_with_its_reason(raw: bytes, why: str) -> None:
    with pytest.raises(PrefsFileError, match=why):
        parse(raw)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"<global_preferences>{text}".encode()))
def test_nothing_but_a_refusal_comes_of_nonsense(raw: bytes) -> None:
    with contextlib.suppress(PrefsFileError):
        Preferences(**parse(raw))


def test_a_file_that_is_missing_or_huge_is_named(tmp_path: Path) -> None:
    path = tmp_path / "prefs.xml"
    with pytest.raises(PrefsFileError, match=rf"prefs_file {path}: No such file"):
        read_prefs(path, "none")
    with path.open("wb") as file:
        file.truncate(MOST_OCTETS * 1024)
    with pytest.raises(PrefsFileError, match="larger than"):
        read_prefs(path, "none")


def test_where_nobody_says_anything_others_may_use_half_of_an_idle_host() -> None:
    assert overlaid({}).busy_limit(in_use=False) == 50
    assert overlaid({"suspend_cpu_usage": 30.0}).busy_limit(in_use=False) == 30
    assert overlaid({"suspend_cpu_usage": 30.0}, {"suspend_cpu_usage": 5.0}).busy_limit(in_use=True) == 5
