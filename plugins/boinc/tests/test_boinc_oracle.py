"""The same preferences on the same host: BOINC's real client and ours come to the same word, and the same reason.

Both look at a host of the test's own with their own means. Where they differ on purpose a test says so, and
docs/howto/boinc.md.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import attrs
import pytest
from boinc_host import BoincHost, boinc_host
from boinc_world import LONG_AGO, TERMINALS, World, world
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from image_server import wait_until
from vac_boinc import load
from vac_boinc.options import BoincPlugin
from vac_boinc.preferences import Preferences, overlaid
from vac_boinc.prefs_file import parse
from vac_boinc.reasons import Suspended
from vac_boinc.senses import LinuxSenses
from vac_boinc.suspension import HostState, wanted

from vac_core.testing import home

pytestmark = pytest.mark.system

CASES = 16
CASES_WITH_A_PROGRAM = 8
EDGE = dt.timedelta(minutes=3)
"""How far from the moment a window must open or close for a case to be of use: both have clocks of their own."""
PROGRAM, NAMED = "film-player", "Film-Player"
LONG_NAME = "a-game-with-a-long-name"
"""More than the 15 letters that the kernel keeps of it."""


@attrs.frozen
class Oracle:
    """The host, the client on it, and our senses there."""

    world: World
    boinc: BoincHost
    senses: LinuxSenses
    directory: Path

    def look(self, *exclusive: str, anew: bool = True) -> HostState:
        """What we see of the host; anew, as if we had just begun: programs are looked for every 10 s only."""
        senses = LinuxSenses(home(self.directory)) if anew else self.senses
        return self.world.box.call(senses.look, BoincPlugin(exclusive_app=exclusive))

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """While a program with this name runs there, which does nothing."""
        program = self.directory / name
        sleep = shutil.which("sleep")
        assert sleep is not None
        shutil.copy(sleep, program)
        process = self.world.box.popen([program, "infinity"])
        try:
            yield
        finally:
            process.kill()
            process.wait()


@contextmanager
def oracle(directory: Path, **supplies: Mapping[str, str]) -> Iterator[Oracle]:
    data = directory / "data"
    data.mkdir()
    with (
        world(supplies) if supplies else world() as at,
        boinc_host(data, at.box.popen, exclusive=[NAMED, LONG_NAME]) as boinc,
    ):
        yield Oracle(at, boinc, LinuxSenses(home(directory)), directory)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    # BOINC knows programs by what the kernel keeps of their names, and so never finds this one.
    with oracle(tmp_path_factory.mktemp("oracle")) as made, made.running(LONG_NAME):
        yield made


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


RUN = {"run_on_batteries": 1, "run_if_user_active": 1, "suspend_cpu_usage": 0, "niu_suspend_cpu_usage": 0}
"""With these alone nothing but an exclusive program suspends."""
MINUTES = [0, 1, 5, 90, 1000]
SECONDS_AGO = [0, 150, 1800, 20000, 80000, LONG_AGO]
"""Far from each of those, so that it does not matter that both look a little later."""
hours = st.one_of(st.integers(0, 24), st.floats(0, 24).map(lambda hour: round(hour, 2)))
often_always = st.one_of(st.just(0), hours)
cases = st.fixed_dictionaries(
    {
        "run_on_batteries": st.sampled_from([1, 1, 0]),
        "run_if_user_active": st.sampled_from([1, 1, 0]),
        "idle_time_to_run": st.sampled_from(MINUTES),
        "suspend_if_no_recent_input": st.sampled_from(MINUTES),
        "suspend_cpu_usage": st.just(0),
        "niu_suspend_cpu_usage": st.just(0),
        "start_hour": often_always,
        "end_hour": often_always,
        "net_start_hour": hours,
        "net_end_hour": hours,
        "max_ncpus_pct": st.integers(0, 100),
        "cpu_usage_limit": st.sampled_from([100, 50, 1]),
        "days": st.dictionaries(st.integers(0, 6), st.tuples(hours, hours), max_size=2),
    }
)
happenings = st.fixed_dictionaries(
    {
        "terminal": st.sampled_from(sorted(TERMINALS)),
        "ago": st.sampled_from(SECONDS_AGO),
        "plugged": st.sampled_from([True, True, False]),
    }
)
generated = settings(
    max_examples=CASES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def ours(preferences: Preferences, host: HostState) -> int:
    found = wanted(preferences, host)
    return 0 if found is None else found.value


def agree(both: Oracle, case: Mapping[str, Any], happens: Mapping[str, Any], *exclusive: str) -> None:
    """Let it happen, and compare."""
    both.world.touch(happens["terminal"], happens["ago"])
    both.world.plug(in_=happens["plugged"])
    preferences = overlaid(parse(tostring(document(case))))
    host = both.look(*exclusive)
    week = preferences.week
    assume(week.open(host.moment - EDGE) == week.open(host.moment) == week.open(host.moment + EDGE))
    assert both.boinc.judge(document(case))[0] == ours(preferences, host), (case, happens)


RESTLESS = {**RUN, "suspend_if_no_recent_input": 5}
ALWAYS_BUSY = {**RUN, "run_if_user_active": 0, "idle_time_to_run": 90}


@generated
@given(case=cases, happens=happenings)
@example(case={**RUN, "run_on_batteries": 0}, happens={"terminal": "tty", "ago": 0, "plugged": False})
@example(case=ALWAYS_BUSY, happens={"terminal": "tty", "ago": 1800, "plugged": True})
@example(case=RESTLESS, happens={"terminal": "pts/3", "ago": 1800, "plugged": False})
@example(case=RESTLESS, happens={"terminal": "pts/3", "ago": LONG_AGO, "plugged": False})
def test_generated_preferences_suspend_for_the_same_reason(
    both: Oracle, case: Mapping[str, Any], happens: Mapping[str, Any]
) -> None:
    agree(both, case, happens)


def numbers(most: float) -> st.SearchStrategy[float]:
    return st.one_of(st.just(0.0), st.floats(0, most).map(lambda number: round(number, 3)))


PERCENTAGES = ("suspend_cpu_usage", "max_ncpus_pct", "cpu_usage_limit", "ram_max_used_busy_pct")
PERCENTAGES += ("ram_max_used_idle_pct", "disk_max_used_pct")
AMOUNTS = ("idle_time_to_run", "suspend_if_no_recent_input", "disk_max_used_gb", "disk_min_free_gb")
values = {
    "run_on_batteries": st.sampled_from([0, 1]),
    "run_if_user_active": st.sampled_from([0, 1]),
    "start_hour": hours,
    "end_hour": hours,
    **dict.fromkeys(PERCENTAGES, numbers(100)),
    **dict.fromkeys(AMOUNTS, numbers(10_000)),
}


def in_force(found: Preferences) -> dict[str, float]:
    """What we make of preferences, as BOINC's client shows what it makes of them."""
    part = found.part_of_time(in_use=True)
    memory = {name: found.memory_bytes(10**9, in_use=busy) / 1e7 for name, busy in (("busy", True), ("idle", False))}
    return {
        **{name: getattr(found, name) for name in values},
        "cpu_usage_limit": 100.0 if part is None else 100 * part,
        **{f"ram_max_used_{name}_pct": percent for name, percent in memory.items()},
    }


@settings(generated, max_examples=100)
@given(case=st.fixed_dictionaries({}, optional=values))
def test_both_have_the_same_preferences_in_force(both: Oracle, case: Mapping[str, float]) -> None:
    both.boinc.follow(document(case))
    theirs = both.boinc.working()
    found = in_force(overlaid(parse(tostring(document(case)))))
    assert found == pytest.approx({name: theirs[name] for name in values}, abs=1e-5)


def test_hours_of_the_network_concern_no_machine(both: Oracle) -> None:
    both.world.touch("tty7", LONG_AGO)
    case = document({**RUN, "net_start_hour": 24, "net_end_hour": 0})
    assert both.boinc.judge(case) == (0, Suspended.TIME_OF_DAY)
    assert ours(overlaid(parse(tostring(case))), both.look()) == 0


@contextmanager
def busy(both: Oracle, niceness: int) -> Iterator[None]:
    """While programs use all processors."""
    command = ["nice", "-n", str(niceness), sys.executable, "-c", "while True: pass"]
    processes = [both.world.box.popen(command) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_processors_that_others_use_suspend_both_unless_these_give_way(both: Oracle) -> None:
    case = document({**RUN, "suspend_cpu_usage": 5, "niu_suspend_cpu_usage": 5})
    preferences = overlaid(parse(tostring(case)))
    both.boinc.follow(case)
    with busy(both, 19):
        # The client sees the box's processes alone, and we what the whole host uses: whatever else runs there counts.
        before = len(both.boinc.others_percents())
        wait_until(lambda: len(both.boinc.others_percents()) >= before + 2)
        assert both.boinc.others_percents()[-1] < 5
        assert both.boinc.reason() == 0
        assert len(both.world.box.call(load.yielding_cpu_seconds)) == len(os.sched_getaffinity(0))
    with busy(both, 0):
        wait_until(lambda: both.boinc.reason() == Suspended.CPU_USAGE)
        wait_until(lambda: ours(preferences, both.look(anew=False)) == Suspended.CPU_USAGE)


def test_a_program_with_a_long_name_is_exclusive_for_us_alone(both: Oracle) -> None:
    both.world.touch("tty7", LONG_AGO)
    assert both.boinc.judge(document(RUN))[0] == 0
    assert both.look(LONG_NAME).exclusive_app == LONG_NAME


@pytest.mark.parametrize(
    ("supplies", "theirs", "we"),
    [
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, 0, Suspended.BATTERIES),
        ({"PSU0": {"type": "Mains", "online": "0"}}, Suspended.BATTERIES, 0),
    ],
    ids=["a tablet without mains of that type", "a server without batteries"],
)
def test_power_that_boinc_mistakes(
    tmp_path: Path, supplies: Mapping[str, Mapping[str, str]], theirs: int, we: int
) -> None:
    with oracle(tmp_path, **supplies) as both:
        case = document({**RUN, "run_on_batteries": 0})
        assert both.boinc.judge(case)[0] == theirs
        assert ours(overlaid(parse(tostring(case))), both.look()) == we


@pytest.fixture
def playing(both: Oracle) -> Iterator[Oracle]:
    """While an exclusive program runs, and BOINC has seen that: it looks every 10 s."""
    both.boinc.follow(document(RUN))
    with both.running(PROGRAM):
        wait_until(lambda: both.boinc.reason() == Suspended.EXCLUSIVE_APP_RUNNING)
        yield both


@settings(generated, max_examples=CASES_WITH_A_PROGRAM)
@given(case=cases, happens=happenings)
def test_generated_preferences_suspend_for_the_same_reason_beside_an_exclusive_program(
    playing: Oracle, case: Mapping[str, Any], happens: Mapping[str, Any]
) -> None:
    assert playing.look(NAMED).exclusive_app == NAMED
    agree(playing, case, happens, NAMED)
