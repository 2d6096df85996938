"""The tally of what all factories report."""

import math

from hypothesis import given
from hypothesis import strategies as st

from vac_core.decide.totals import CLOCK_TOLERANCE_SECONDS, tally
from vac_core.model import FactoryReport, Outcome, TypeReport
from vac_core.testing.makers import NOW, factory_report

NO_WORK = Outcome(300, "No more work")


def aborted(when: float | None, outcome: Outcome = NO_WORK) -> TypeReport:
    return TypeReport(machinetype="lhcb", outcome=outcome, shutdown_time=when)


def test_running_power_is_summed_over_the_factories_that_answered() -> None:
    first = TypeReport(machinetype="lhcb", running_hs06=20.0, running_machines=2, num_before_fizzle=1)
    second = TypeReport(machinetype="lhcb", running_hs06=10.5, running_machines=1, num_before_fizzle=1)
    totals = tally([factory_report("a", lhcb=first, atlas=7.0), factory_report("b", lhcb=second)], NOW)
    assert totals["lhcb"].running_hs06 == 30.5
    assert totals["lhcb"].running_machines == 3
    assert totals["lhcb"].num_before_fizzle == 2
    assert totals["atlas"].running_hs06 == 7.0
    assert set(totals) == {"lhcb", "atlas"}


def test_the_last_abort_is_the_latest_that_any_factory_tells_of() -> None:
    reports = [
        factory_report("a", lhcb=aborted(NOW - 50.0)),
        factory_report("b", lhcb=aborted(NOW - 20.0, Outcome(600, "Broken agent"))),
        factory_report("c", lhcb=aborted(NOW - 90.0)),
    ]
    abort = tally(reports, NOW)["lhcb"].last_abort
    assert abort is not None
    assert (abort.time, abort.factory, abort.outcome.code) == (NOW - 20.0, "b", 600)


def test_a_machine_that_did_its_work_is_no_abort() -> None:
    for outcome in (Outcome(200, "Done"), Outcome(100), Outcome(None, "exit code 1")):
        assert tally([factory_report("a", lhcb=aborted(NOW - 1.0, outcome))], NOW)["lhcb"].last_abort is None


def test_an_abort_a_little_ahead_of_our_clock_happened_now() -> None:
    abort = tally([factory_report("a", lhcb=aborted(NOW + 3.0))], NOW)["lhcb"].last_abort
    assert abort is not None
    assert abort.time == NOW


def test_an_abort_from_far_in_the_future_is_not_believed_and_hides_no_real_one() -> None:
    reports = [
        factory_report("a", lhcb=aborted(NOW - 9.0)),
        factory_report("b", lhcb=aborted(NOW + CLOCK_TOLERANCE_SECONDS + 1.0)),
        factory_report("c", lhcb=aborted(math.nan)),
        factory_report("d", lhcb=aborted(None)),
    ]
    abort = tally(reports, NOW)["lhcb"].last_abort
    assert abort is not None
    assert (abort.time, abort.factory) == (NOW - 9.0, "a")


NUMBERS = st.floats() | st.integers(-5, 5)
OUTCOMES = st.none() | st.builds(Outcome, st.none() | st.integers(100, 999))
TYPE_REPORTS = st.builds(
    TypeReport,
    machinetype=st.just("lhcb"),
    running_hs06=NUMBERS.map(float),
    running_machines=st.integers(),
    num_before_fizzle=st.integers(),
    outcome=OUTCOMES,
    shutdown_time=st.none() | st.floats(),
)


@given(st.lists(TYPE_REPORTS, max_size=6), st.randoms(use_true_random=False))
def test_whatever_peers_report_the_totals_are_sound_and_the_order_of_answers_says_nothing(reports, random) -> None:
    space = [FactoryReport(factory=f"f{n}", received=NOW, types={"lhcb": one}) for n, one in enumerate(reports)]
    totals = tally(space, NOW)
    for of_type in totals.values():
        assert of_type.running_hs06 >= 0.0
        assert min(of_type.running_machines, of_type.num_before_fizzle) >= 0
        assert of_type.last_abort is None or of_type.last_abort.time <= NOW
    random.shuffle(space)
    again = tally(space, NOW)
    assert {name: one.last_abort for name, one in again.items()} == {
        name: one.last_abort for name, one in totals.items()
    }
    for name, of_type in totals.items():
        assert math.isclose(of_type.running_hs06, again[name].running_hs06, abs_tol=1e-9) or math.isinf(
            of_type.running_hs06
        )
