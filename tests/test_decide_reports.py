"""What this factory tells the others."""

from vac_core.decide.reports import own_report
from vac_core.decide.totals import tally
from vac_core.model import MachineState, Outcome
from vac_core.testing.makers import FACTORY, NOW, machine, machinetype, settings


def report(machines=(), ends=None, types=("lhcb", "atlas")):
    known = {name: machinetype(name, fizzle_seconds=600, accounting_fqan=f"/{name}") for name in types}
    return own_report(FACTORY, known, machines, ends or {}, NOW, settings(mb_per_processor=2048))


def test_every_machinetype_is_reported_also_when_none_runs() -> None:
    types = report().types
    assert set(types) == {"lhcb", "atlas"}
    assert types["lhcb"].running_hs06 == 0.0
    assert types["lhcb"].fqan == "/lhcb"
    assert types["lhcb"].bytes_per_processor == 2048 * 1048576
    assert types["lhcb"].min_wallclock_seconds == 86400


def test_machines_count_from_the_moment_they_are_planned_until_they_are_gone() -> None:
    states = [*MachineState]
    made = [machine(n, state=state, processors=2, hs06_per_processor=10.0) for n, state in enumerate(states)]
    lhcb = report(made).types["lhcb"]
    assert lhcb.running_machines == 5
    assert lhcb.running_processors == 10
    assert lhcb.running_hs06 == 100.0


def test_machines_that_may_yet_fizzle_are_counted() -> None:
    made = [
        machine(0, state=MachineState.PLANNED),
        machine(1, state=MachineState.STARTING),
        machine(2, started=NOW - 599.0),
        machine(3, started=NOW - 600.0),
    ]
    assert report(made).types["lhcb"].num_before_fizzle == 3


def test_the_latest_end_of_each_machinetype_is_told() -> None:
    ended = machine(5, state=MachineState.CLEARED, ended=NOW - 7.0, outcome=Outcome(300, "No more work"))
    types = report(ends={"lhcb": ended}).types
    assert types["lhcb"].outcome == Outcome(300, "No more work")
    assert types["lhcb"].shutdown_time == NOW - 7.0
    assert types["lhcb"].shutdown_machine == ended.name
    assert types["atlas"].outcome is None
    abort = tally([report(ends={"lhcb": ended})], NOW)["lhcb"].last_abort
    assert abort is not None
    assert abort.factory == FACTORY


def test_a_machine_of_a_type_that_the_site_file_has_lost_still_counts() -> None:
    types = report([machine(machinetype="old")]).types
    assert types["old"].running_machines == 1
    assert types["old"].max_processors is None
