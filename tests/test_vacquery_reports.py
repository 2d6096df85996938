"""Reports of peers: their times on our clock, whatever theirs says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.testing import NOW
from vac_core.vacquery.messages import MachinetypeStatus
from vac_core.vacquery.reports import factory_report


def ended(shutdown_time: int, time_sent: int, received: float = NOW) -> float | None:
    status = MachinetypeStatus(
        cookie="c",
        space="vac01.example.org",
        factory="wn02.example.org",
        machinetype="lhcb",
        num_machinetypes=1,
        running_hs06=0.0,
        running_machines=0,
        num_before_fizzle=0,
        shutdown_message="300 No work",
        shutdown_time=shutdown_time,
        shutdown_machine="wn02-00.example.org",
        time_sent=time_sent,
    )
    return factory_report("wn02.example.org", [status], received).types["lhcb"].shutdown_time


def test_clocks_that_agree_give_the_peers_own_time() -> None:
    assert ended(int(NOW) - 100, int(NOW) - 1) == NOW - 100


@pytest.mark.parametrize("skew", [-7200, 7200])
def test_the_time_of_a_peer_whose_clock_differs_is_read_as_an_age(skew: int) -> None:
    assert ended(int(NOW) + skew - 100, int(NOW) + skew) == NOW - 100


def test_a_machine_that_ended_in_the_future_ended_now() -> None:
    assert ended(int(NOW) + 500, int(NOW)) == NOW


@given(st.integers(0, 2**33), st.integers(0, 2**33))
def test_no_report_is_ever_of_the_future(shutdown_time: int, time_sent: int) -> None:
    told = ended(shutdown_time, time_sent)
    assert told is not None
    assert told <= NOW
