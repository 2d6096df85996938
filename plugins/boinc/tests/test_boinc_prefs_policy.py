"""The policy ``prefs``: what becomes of machines when the owner of their host wants it, and when not."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vac_boinc.machine_options import BoincMachine
from vac_boinc.options import OPTION_SET, BoincPlugin
from vac_boinc.prefs import Prefs
from vac_boinc.senses import DiskState, LinuxSenses
from vac_boinc.suspension import HostState

from vac_core.builtin.policies.target_shares import TargetShares
from vac_core.config.schema import MachineType
from vac_core.decide.plan import plan
from vac_core.factory import site_follower
from vac_core.model import Capacity, HealthState, MachineState
from vac_core.situation import Verdicts, Wish
from vac_core.testing import (
    NOW,
    FakeHypervisor,
    Life,
    PolicyContract,
    home,
    machine,
    machinetype,
    run_virtual,
    situation,
)
from vac_core.testing import (
    settings as site_settings,
)
from vac_core.testing.space import VirtualSpace

GB = 10**9
DAY = 86400.0


class FakeSenses:
    """A host as a test tells of it."""

    def __init__(self, clock: Callable[[], float] = lambda: NOW) -> None:
        self.clock = clock
        self.found: dict[str, Any] = {}
        self.there = DiskState(whole=1000 * GB, free=900 * GB, used=0)

    def look(self, options: BoincPlugin) -> HostState:
        now = self.clock()
        return HostState(time=now, moment=dt.datetime.fromtimestamp(now, dt.UTC), **self.found)

    def disk(self) -> DiskState:
        return self.there


class TestPrefsContract(PolicyContract):
    @pytest.fixture(params=[{}, {"others_percent": 100.0}, {"idle_seconds": 1.0}])
    def policy(self, tmp_path: Path, request: pytest.FixtureRequest) -> Prefs:
        return policy(tmp_path, BoincPlugin(max_ncpus_pct=50, end_hour=23.5), **request.param)


def policy(tmp_path: Path, options: BoincPlugin, senses: FakeSenses | None = None, **found: Any) -> Prefs:
    """The policy after one look at a host."""
    senses = senses or FakeSenses()
    senses.found |= found
    one = Prefs(lambda _: senses, watching=False)
    one.start(home(tmp_path, options=options))
    return one


def boinc(name: str = "boinc", on_busy: str = "suspend", **changes: Any) -> MachineType:
    return machinetype(name, plugin_options={OPTION_SET: BoincMachine(on_busy=on_busy)}, **changes)


def wishes(judged: Verdicts) -> dict[str, Wish]:
    return {ask.machine_id: ask.wish for ask in judged.asks}


def test_when_the_owner_comes_machines_are_held_or_ended_as_their_types_bear_it(tmp_path: Path) -> None:
    held, ended = machine(0, machinetype="boinc"), machine(1, machinetype="lhcb")
    judged = policy(tmp_path, BoincPlugin(run_if_user_active=False), idle_seconds=2.0).judge(
        situation([boinc(), boinc("lhcb", "evict")], machines=(held, ended))
    )
    assert wishes(judged) == {held.id: Wish.PAUSE, ended.id: Wish.STOP}
    (veto,) = judged.vetoes
    assert (veto.machinetype, veto.reason) == (None, "the owner wants the host: computer is in use (BOINC's reason 2)")


def test_one_that_cannot_be_held_is_ended(tmp_path: Path) -> None:
    one = machine(machinetype="boinc", details={"cannot": "pause"})
    judged = policy(tmp_path, BoincPlugin(), on_batteries=True).judge(situation([boinc()], machines=(one,)))
    assert wishes(judged) == {one.id: Wish.STOP}


def test_one_that_is_held_for_too_long_is_ended(tmp_path: Path) -> None:
    one = machine(machinetype="boinc", state=MachineState.PAUSED, details={"wished": "pause"})
    held = policy(tmp_path, BoincPlugin(max_suspend_seconds=600), on_batteries=True)
    assert wishes(held.judge(situation([boinc()], machines=(one,)))) == {}
    assert wishes(held.judge(situation([boinc()], machines=(one,), now=NOW + 600))) == {one.id: Wish.STOP}


def test_when_the_owner_leaves_machines_go_on_but_not_one_that_somebody_else_holds(tmp_path: Path) -> None:
    ours = machine(0, machinetype="boinc", state=MachineState.PAUSED, details={"wished": "pause"})
    other = machine(1, machinetype="boinc", state=MachineState.PAUSED)
    judged = policy(tmp_path, BoincPlugin()).judge(situation([boinc()], machines=(ours, other)))
    assert wishes(judged) == {ours.id: Wish.RESUME}


def test_a_part_of_the_processors_time_is_wished_for_running_machines(tmp_path: Path) -> None:
    one = machine(machinetype="boinc")
    (ask,) = policy(tmp_path, BoincPlugin(niu_cpu_usage_limit=40)).judge(situation([boinc()], machines=(one,))).asks
    assert (ask.wish, ask.part) == (Wish.CAP, 0.4)


def test_the_newest_machines_leave_when_fewer_processors_are_lent(tmp_path: Path) -> None:
    machines = tuple(machine(n, machinetype="boinc", created=NOW - 100 + n, processors=2) for n in range(4))
    used = policy(tmp_path, BoincPlugin(max_ncpus_pct=50), idle_seconds=1.0)
    judged = used.judge(situation([boinc()], machines=machines, capacity=Capacity(processors=8)))
    held = {one.id for one in machines if wishes(judged)[one.id] is Wish.PAUSE}
    assert held == {machines[2].id, machines[3].id}
    assert "max_ncpus_pct" in judged.vetoes[0].reason


@given(
    percent=st.integers(1, 100),
    memory_gib=st.integers(1, 32),
    sizes=st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)).map(sorted), min_size=1, max_size=3),
    held=st.integers(0, 8),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_started_that_the_owner_would_at_once_want_to_leave(
    tmp_path: Path, percent: int, memory_gib: int, sizes: list[list[int]], held: int
) -> None:
    lends = policy(tmp_path, BoincPlugin(niu_max_ncpus_pct=percent, ram_max_used_idle_pct=percent))
    types = [boinc(f"t{n}", min_processors=least, max_processors=most) for n, (least, most) in enumerate(sizes)]
    there = Capacity(processors=8, memory_bytes=memory_gib * 2**30)
    before = [machine(machinetype="t0", created=NOW - 9, memory_bytes=2**30) for _ in range(held)]
    judged = situation(types, machines=before, capacity=there, settings=site_settings(processors_per_superslot=8))
    started = plan(judged, (lends, TargetShares()), random.Random(0)).starts
    each = types[0].bytes_per_processor(judged.settings)
    after = [
        machine(machinetype=one.machinetype, processors=one.processors, created=NOW, memory_bytes=one.processors * each)
        for one in started
    ]
    asked = wishes(lends.judge(attrs.evolve(judged, machines=(*before, *after))))
    assert {asked[one.id] for one in after} <= {Wish.CAP}


def test_a_machine_of_several_sizes_has_the_one_that_the_owner_lends(tmp_path: Path) -> None:
    lends = policy(tmp_path, BoincPlugin(niu_max_ncpus_pct=50))
    judged = situation([boinc(max_processors=8)], settings=site_settings(processors_per_superslot=8))
    assert [one.processors for one in plan(judged, (lends, TargetShares()), random.Random(0)).starts] == [4]


def test_memory_that_the_owner_wants_back_is_freed_by_ending_machines(tmp_path: Path) -> None:
    machines = tuple(machine(n, machinetype="boinc", created=NOW - 100 + n, memory_bytes=3 * GB) for n in range(2))
    at = situation([boinc()], machines=machines, capacity=Capacity(processors=8, memory_bytes=10 * GB))
    judged = policy(tmp_path, BoincPlugin(), idle_seconds=1.0).judge(at)
    assert wishes(judged)[machines[1].id] is Wish.STOP
    assert wishes(judged)[machines[0].id] is Wish.CAP
    assert any("ram_max_used_busy_pct" in veto.reason for veto in judged.vetoes)


def test_a_full_disk_is_not_filled_further(tmp_path: Path) -> None:
    senses = FakeSenses()
    senses.there = DiskState(whole=100 * GB, free=GB // 20, used=GB)
    (veto,) = policy(tmp_path, BoincPlugin(), senses).judge(situation([boinc()])).vetoes
    assert "disk_min_free_gb" in veto.reason


def test_the_end_of_the_window_is_the_end_of_machines(tmp_path: Path) -> None:
    """The makers' time is 22:13:20 UTC."""
    assert policy(tmp_path, BoincPlugin(start_hour=20, end_hour=23)).judge(situation()).end == NOW + 2800
    shut = policy(tmp_path, BoincPlugin(start_hour=23, end_hour=6)).judge(situation())
    assert shut.end is None
    assert shut.vetoes[0].until == NOW + 2800


def test_site_files_win_over_the_owners_file_and_the_last_good_one_stays_in_force(tmp_path: Path) -> None:
    path = tmp_path / "prefs.xml"
    path.write_text("<global_preferences><run_on_batteries>1</run_on_batteries></global_preferences>", "utf-8")
    one = policy(tmp_path, BoincPlugin(prefs_file=str(path)), on_batteries=True)
    assert one.judge(situation()).vetoes == ()
    path.write_text("<global_pref", "utf-8")
    one.look()
    assert one.judge(situation()).vetoes == ()
    assert one.health().state is HealthState.DEGRADED
    assert "is not XML" in one.health().found
    path.write_text("<global_preferences/>", "utf-8")
    one.look()
    assert one.health().state is HealthState.HEALTHY
    assert len(one.judge(situation()).vetoes) == 1
    over = policy(tmp_path / "2", BoincPlugin(prefs_file=str(path), run_on_batteries=True), on_batteries=True)
    assert over.judge(situation()).vetoes == ()


def test_the_factory_is_woken_when_machines_are_concerned_and_only_then(tmp_path: Path) -> None:
    woken: list[float] = []
    senses = FakeSenses()
    one = Prefs(lambda _: senses, watching=False)
    at = home(tmp_path, options=BoincPlugin(run_if_user_active=False, max_suspend_seconds=100))
    one.start(attrs.evolve(at, wake=lambda: woken.append(senses.clock())))
    for found, times in (({}, 0), ({"idle_seconds": 3.0}, 1), ({"idle_seconds": 4.0}, 1), ({}, 2)):
        senses.found = found
        one.look()
        assert len(woken) == times


def test_it_watches_this_host_and_stops(tmp_path: Path) -> None:
    looked = threading.Event()

    class Noticed(LinuxSenses):
        def disk(self) -> DiskState:
            looked.set()
            return super().disk()

    one = Prefs(Noticed)
    one.start(home(tmp_path, options=BoincPlugin()))
    looked.clear()
    assert looked.wait(60)
    one.stop()
    assert isinstance(one.judge(situation()), Verdicts)


class Stubborn(FakeHypervisor):
    """Without the power to hold machines still."""

    pause = None  # type: ignore[assignment]
    resume = None  # type: ignore[assignment]


def test_a_week_of_a_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner comes and goes, load rises and falls, nights end: nothing is lost, and shares hold over the week."""
    monkeypatch.setattr(site_follower, "LOOKED_AT_SECONDS", 3600.0)  # nobody changes the site in this story

    async def story() -> None:
        senses = FakeSenses()
        one = Prefs(lambda _: senses, watching=False)
        types = [
            boinc("a", target_share=2.0, max_wallclock_seconds=4 * 3600, min_wallclock_seconds=60),
            boinc("b", target_share=1.0, max_wallclock_seconds=4 * 3600, min_wallclock_seconds=60),
            boinc("grid", "evict", target_share=1.0, max_wallclock_seconds=4 * 3600, min_wallclock_seconds=60),
        ]
        options = BoincPlugin(run_if_user_active=False, start_hour=18, end_hour=9)
        async with VirtualSpace(
            tmp_path, types, {"desk.example.org": 4}, lives=lambda _: Life(ends_after=3 * 3600),
            policies_used={"prefs": one}, policies=("prefs", "host-limits", "target-shares"), pass_seconds=1800,
        ) as vac:  # fmt: skip
            senses.clock = vac.clock
            vac.site = attrs.evolve(vac.site, plugin_options={"boinc": options})
            daemon = vac.only
            one.start(attrs.evolve(home(tmp_path / "own", options=options), wake=daemon.daemon.wake))
            spent = dict.fromkeys(("a", "b", "grid"), 0.0)
            held = False
            for _ in range(7 * 24 * 2):
                senses.found = _owner(vac.clock() % DAY / 3600)
                one.look()
                await vac.pass_time(1790)
                senses.found = _owner(vac.clock() % DAY / 3600)
                one.look()
                await vac.pass_time(10)
                lent = _lent(vac.clock())
                for machine_ in daemon.alive:
                    held |= machine_.state is MachineState.PAUSED
                    if machine_.state is MachineState.RUNNING:
                        spent[machine_.machinetype] += 1
                        assert lent, "no machine runs while the owner wants the host"
            whole = sum(spent.values())
            for name, share in (("a", 0.5), ("b", 0.25), ("grid", 0.25)):
                assert spent[name] / whole == pytest.approx(share, abs=0.08)
            assert held
            events = daemon.daemon.given.journal.events_after(0, 100000)
            ends = [event for event in events if event.what == "gone"]
            assert len({event.machine.id for event in ends if event.machine}) == len(ends)

    run_virtual(story())


def _owner(hour: float) -> dict[str, Any]:
    """In the evening somebody is at the desk for an hour, and at night something else runs for half of one."""
    if 20 <= hour < 21:
        return {"idle_seconds": 1.0}
    if 2 <= hour < 2.5:
        return {"others_percent": 80.0}
    return {"idle_seconds": 7200.0}


def _lent(now: float) -> bool:
    hour = dt.datetime.fromtimestamp(now, dt.UTC).hour
    return hour >= 18 or hour < 9


def test_where_a_hypervisor_cannot_hold_machines_still_they_are_ended(tmp_path: Path) -> None:
    async def story() -> None:
        senses = FakeSenses()
        one = Prefs(lambda _: senses, watching=False)
        async with VirtualSpace(
            tmp_path, [boinc("a")], {"desk.example.org": 1}, policies_used={"prefs": one},
            policies=("prefs", "target-shares"), pass_seconds=60,
        ) as vac:  # fmt: skip
            senses.clock = vac.clock
            vac.only.daemon.given.crew.hypervisors["fake"].__class__ = Stubborn
            one.start(attrs.evolve(home(tmp_path / "own", options=BoincPlugin()), wake=vac.only.daemon.wake))
            await vac.pass_time(120)
            assert vac.running("a") == 1
            senses.found = {"on_batteries": True}
            one.look()
            await vac.pass_time(180)
            assert vac.running("a") == 0

    run_virtual(story())
