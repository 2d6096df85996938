"""The same preferences on the same host: BOINC's real client and ours come to the same word, and the same reason."""

from __future__ import annotations

import datetime as dt
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from boinc_host import BoincHost, boinc_host
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from image_server import wait_until
from vac_boinc.options import BoincPlugin
from vac_boinc.preferences import Preferences, overlaid
from vac_boinc.prefs_file import parse
from vac_boinc.reasons import Suspended
from vac_boinc.senses import LinuxSenses
from vac_boinc.suspension import HostState, wanted

from vac_core.testing import home

pytestmark = pytest.mark.system

CASES = 25
POLL_SECONDS = 1.6
"""The client looks at the host once a second and tells nobody: a reason that is read sooner may be the last one's."""
EDGE = dt.timedelta(minutes=3)
"""How far from the moment a window must open or close for a case to be of use: both have clocks of their own."""
ALWAYS_IDLE, NEVER_IDLE = 0.0, 1000.0
"""Minutes; somebody has just touched a terminal of the test's own."""


@pytest.fixture(scope="module")
def boinc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoincHost]:
    with boinc_host(tmp_path_factory.mktemp("boinc")) as host:
        yield host


@pytest.fixture(scope="module")
def touched() -> Iterator[Path]:
    """A terminal that somebody is typing at."""
    controller, terminal = pty.openpty()
    yield Path(os.ttyname(terminal))
    os.close(terminal)
    os.close(controller)


@pytest.fixture(scope="module")
def senses(tmp_path_factory: pytest.TempPathFactory) -> LinuxSenses:
    return LinuxSenses(home(tmp_path_factory.mktemp("home")))


def document(preferences: Mapping[str, Any]) -> Element:
    """The preferences as BOINC's manager would write them."""
    root = Element("global_preferences")
    for name, value in preferences.items():
        if name == "days":
            for day, (start, end) in value.items():
                _fill(SubElement(root, "day_prefs"), {"day_of_week": day, "start_hour": start, "end_hour": end})
        else:
            _fill(root, {name: value})
    return root


def _fill(element: Element, texts: Mapping[str, Any]) -> None:
    for name, value in texts.items():
        SubElement(element, name).text = str(value)


hours = st.one_of(st.integers(0, 24), st.floats(0, 24).map(lambda hour: round(hour, 2)))
cases = st.fixed_dictionaries(
    {
        "run_on_batteries": st.sampled_from([0, 1]),
        "run_if_user_active": st.sampled_from([0, 1, 1]),
        "idle_time_to_run": st.sampled_from([ALWAYS_IDLE, NEVER_IDLE]),
        "suspend_if_no_recent_input": st.sampled_from([0, 1000]),
        "suspend_cpu_usage": st.just(0),
        "niu_suspend_cpu_usage": st.just(0),
        "start_hour": hours,
        "end_hour": hours,
        "max_ncpus_pct": st.integers(0, 100),
        "cpu_usage_limit": st.just(100),
        "days": st.dictionaries(st.integers(0, 6), st.tuples(hours, hours), max_size=7),
    }
)


def ours(preferences: Preferences, host: HostState) -> int:
    found = wanted(preferences, host)
    return 0 if found is None else found.value


@settings(
    max_examples=CASES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(case=cases)
def test_generated_preferences_suspend_for_the_same_reason(
    boinc: BoincHost, touched: Path, senses: LinuxSenses, case: Mapping[str, Any]
) -> None:
    os.utime(touched)
    preferences = overlaid(parse(tostring(document(case))))
    host = senses.look(BoincPlugin())
    week = preferences.week
    assume(week.open(host.moment - EDGE) == week.open(host.moment) == week.open(host.moment + EDGE))
    boinc.follow(document(case))
    time.sleep(POLL_SECONDS)
    assert boinc.reason() == ours(preferences, host), case


def test_processors_that_others_use_suspend_both(boinc: BoincHost, senses: LinuxSenses) -> None:
    case = {"run_if_user_active": 1, "suspend_cpu_usage": 1, "niu_suspend_cpu_usage": 1, "run_on_batteries": 1}
    preferences = overlaid(parse(tostring(document(case))))
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        boinc.follow(document(case))
        wait_until(lambda: boinc.reason() == Suspended.CPU_USAGE)
        wait_until(lambda: ours(preferences, senses.look(BoincPlugin())) == Suspended.CPU_USAGE)
    finally:
        busy.kill()
        busy.wait()
