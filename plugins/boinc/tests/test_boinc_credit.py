"""Recent estimated credit and back-offs: BOINC's arithmetic, remembered over restarts."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_boinc.backoffs import FAILURE_MOST, MOST_FAILURES, NO_WORK_MOST, End, Rest, after, end_of
from vac_boinc.credit import COBBLESTONES, DAY, Credit, priorities, share_of_work, work_of
from vac_boinc.ledger import Ledger, load
from vac_boinc.recent_credit import FILE, CreditBooks, RecentCredit

from vac_core.model import Event, EventKind, Happening, Machine, MachineState, Outcome
from vac_core.testing import NOW, PolicyContract, home, machine, machinetype, settings, situation
from vac_core.testing.contracts.observer import ObserverContract

HALF_LIFE = 10 * DAY


class TestCreditBooksContract(ObserverContract):
    @pytest.fixture
    def observer(self) -> CreditBooks:
        return CreditBooks(random.Random(0))


class TestRecentCreditContract(PolicyContract):
    @pytest.fixture
    def policy(self) -> RecentCredit:
        return RecentCredit(CreditBooks(random.Random(0)))


def stepped(rate: float, begin: float, end: float, now: float, step: float) -> float:
    """BOINC's running average (update_average), taken step by step: credit a day."""
    average, time = 0.0, begin
    while time < now:
        lapse = min(step, now - time)
        done = rate * max(0.0, min(end, time + lapse) - time) / DAY
        left = math.exp(-lapse * math.log(2) / HALF_LIFE)
        average = average * left + (1 - left) * done / (lapse / DAY)
        time += lapse
    return average


@given(st.floats(0.1, 1e4), st.floats(0.1, 20.0), st.floats(0.0, 20.0))
def test_the_closed_form_is_what_the_clients_steps_tend_to(rate: float, days: float, later: float) -> None:
    end = days * DAY
    closed = share_of_work(rate, 0.0, end, end + later * DAY, HALF_LIFE)
    assert closed == pytest.approx(stepped(rate, 0.0, end, end + later * DAY, DAY / 50), rel=0.02, abs=rate * 1e-3)


@given(st.floats(0, 30), st.floats(0.01, 30), st.floats(0.01, 30))
def test_work_in_two_parts_counts_as_work_in_one(begin: float, first: float, second: float) -> None:
    a, b, c = begin * DAY, (begin + first) * DAY, (begin + first + second) * DAY
    whole = share_of_work(1.0, a, c, c, HALF_LIFE)
    parts = share_of_work(1.0, a, b, c, HALF_LIFE) + share_of_work(1.0, b, c, c, HALF_LIFE)
    assert whole == pytest.approx(parts)
    kept = Credit().plus(share_of_work(1.0, a, b, b, HALF_LIFE), b, HALF_LIFE)
    assert kept.at(c, HALF_LIFE) == pytest.approx(share_of_work(1.0, a, b, c, HALF_LIFE))


def test_a_processor_day_is_two_hundred_cobblestones_a_day_at_full_rate() -> None:
    one = machine(started=NOW - DAY, ended=NOW, cpu_seconds=DAY, hs06_per_processor=1.0)
    assert work_of(one, NOW, HALF_LIFE) == pytest.approx(COBBLESTONES * (1 - 2**-0.1))


def test_one_that_never_started_has_done_nothing() -> None:
    assert work_of(machine(state=MachineState.STARTING, cpu_seconds=5.0), NOW, HALF_LIFE) == 0.0


def test_a_clock_that_is_set_back_makes_nothing_grow() -> None:
    assert Credit(value=5.0, time=NOW).at(NOW - DAY, HALF_LIFE) == 5.0
    assert share_of_work(1.0, NOW, NOW + DAY, NOW - DAY, HALF_LIFE) == 0.0


def test_who_had_least_for_its_share_goes_first_and_backup_work_last() -> None:
    shares = {"big": 3.0, "small": 1.0, "backup": 0.0, "new": 1.0}
    order = priorities({"big": 30.0, "small": 20.0, "backup": 0.0, "new": 0.0}, shares)
    assert sorted(order, key=order.__getitem__, reverse=True) == ["new", "big", "small", "backup"]


@pytest.mark.parametrize(
    ("code", "lasted", "end"),
    [
        (200, 5, End.SUCCESS), (100, 5, End.NEUTRAL), (300, 5, End.NO_WORK), (207, 5, End.NO_WORK),
        (206, 5, End.FAILURE), (208, 5, End.FAILURE), (400, 5, End.FAILURE), (700, 5, End.FAILURE),
        (None, 599, End.FAILURE), (None, 600, End.SUCCESS),
    ],
)  # fmt: skip
def test_how_an_end_counts(code: int | None, lasted: float, end: End) -> None:
    assert end_of(Outcome(code), lasted, 600) is end


ENDS = st.lists(st.tuples(st.sampled_from(list(End)), st.floats(0, 2 * NO_WORK_MOST)), max_size=30)


@given(ENDS, st.integers())
def test_a_rest_is_within_boincs_bounds_and_ends_with_success(ends: list[tuple[End, float]], seed: int) -> None:
    now, rest, chance = NOW, Rest(), random.Random(seed)
    for end, lapse in ends:
        now += lapse
        before, rest = rest, after(rest, end, now, chance)
        if end is End.NO_WORK and now >= before.until:
            assert 0.5 * 600 <= rest.until - now <= 1.5 * NO_WORK_MOST
        if end is End.FAILURE and now >= before.until:
            assert 0.5 * 120 <= rest.until - now <= FAILURE_MOST
        if end is End.NEUTRAL:
            assert rest == before
        assert rest.failures <= MOST_FAILURES
    assert after(rest, End.SUCCESS, now, chance) == Rest()


def test_each_time_without_work_doubles_the_rest_up_to_a_day() -> None:
    rest, now, intervals = Rest(), NOW, []
    for _ in range(10):
        rest = after(rest, End.NO_WORK, now, random.Random(0))
        intervals.append(rest.no_work_interval)
        now = rest.until
    assert intervals[:4] == [600, 1200, 2400, 4800]
    assert intervals[-1] == NO_WORK_MOST


def gone(seq: int, one: Machine, outcome: Outcome, when: float = NOW) -> Event:
    ended = attrs.evolve(one, state=MachineState.ENDED, ended=when, outcome=outcome)
    return Event(seq=seq, time=when, kind=EventKind.MACHINE, what=Happening.GONE, machine=ended)


def ranks(policy: RecentCredit, *types: str, **changes: object) -> Mapping[str, float]:
    judged = policy.judge(situation([machinetype(name) for name in types], **changes))
    return {rank.machinetype: rank.value for rank in judged.ranks}


def test_one_that_asks_for_a_delay_rests_for_just_that_and_nothing_is_doubled(tmp_path: Path) -> None:
    books = CreditBooks(random.Random(0))
    books.start(home(tmp_path))
    books.observe(gone(1, machine(), Outcome(300, "It waits for its files (retry after 1234 s)")))
    assert books.ledger.rests["lhcb"] == Rest(until=NOW + 1234, why="it asked to be tried again later")


def test_what_has_ended_counts_once_also_when_it_is_told_again_after_a_crash(tmp_path: Path) -> None:
    at = home(tmp_path)
    books = CreditBooks(random.Random(0))
    books.start(at)
    told = gone(7, machine(machinetype="lhcb", cpu_seconds=3600.0), Outcome(200))
    books.observe(told)
    kept = books.ledger
    assert ranks(RecentCredit(books), "lhcb", "atlas") == {"atlas": 0.0, "lhcb": 1.0}
    again = CreditBooks(random.Random(0))
    again.start(at)
    assert again.ledger == kept
    again.observe(told)
    assert again.ledger == kept


def test_a_disk_that_refuses_leaves_the_end_to_be_told_again(tmp_path: Path) -> None:
    at = home(tmp_path)
    books = CreditBooks(random.Random(0))
    books.start(at)
    (at.state_dir / FILE).mkdir()
    told = gone(1, machine(), Outcome(300))
    with pytest.raises(OSError, match="directory"):
        books.observe(told)
    assert books.ledger == Ledger()
    (at.state_dir / FILE).rmdir()
    books.observe(told)
    assert books.ledger.seq == 1


@pytest.mark.parametrize("raw", ["", "{", "[]", "{}", '{"seq": 1, "credit": {"a": 3}, "rests": {}}', "\u00e9"])
def test_books_that_cannot_be_read_begin_anew_and_say_so(
    tmp_path: Path, raw: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_text(raw, "utf-8")
    assert load(tmp_path / FILE) == Ledger()
    assert "shares begin anew" in caplog.text


def test_one_that_found_no_work_rests_and_says_until_when() -> None:
    books = CreditBooks(random.Random(0))
    books.observe(gone(1, machine(machinetype="lhcb"), Outcome(300)))
    (veto,) = RecentCredit(books).judge(situation([machinetype("lhcb"), machinetype("atlas")])).vetoes
    assert (veto.machinetype, veto.reason) == ("lhcb", "it found no work: it rests as BOINC's projects do")
    assert veto.until is not None
    assert 300 <= veto.until - NOW <= 900


def test_one_pass_does_not_give_a_whole_host_to_one() -> None:
    policy = RecentCredit(CreditBooks())
    planned = machine(machinetype="a", state=MachineState.PLANNED)
    assert ranks(policy, "a", "b", machines=(planned,), settings=settings()) == {"b": 0.0, "a": 1.0}


def test_a_share_that_is_nothing_beside_the_others_counts_as_none() -> None:
    order = priorities({"tiny": 0.0, "big": 1.0}, {"tiny": 5e-324, "big": 2.0})
    assert order["big"] > order["tiny"]
