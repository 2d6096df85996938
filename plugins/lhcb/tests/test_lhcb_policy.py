"""The policy ``lhcb``: who rests, for how long, and who is told to act."""

from __future__ import annotations

import pytest
from vac_lhcb import vac_policies
from vac_lhcb.options import LhcbMachine

from vac_core.model import Outcome
from vac_core.situation import Abort, TypeTotals
from vac_core.testing import machinetype, situation
from vac_core.testing.contracts import PolicyContract
from vac_core.testing.makers import FACTORY, NOW

ELSEWHERE = "wn02.example.org"


class TestLhcbPolicyContract(PolicyContract):
    @pytest.fixture
    def policy(self):
        [one] = vac_policies()
        return one


def vetoes(code, *, factory=FACTORY, ago=60.0, contextualiser="lhcb"):
    one = machinetype(contextualiser=contextualiser, plugin_options={"lhcb": LhcbMachine()})
    abort = Abort(time=NOW - ago, factory=factory, outcome=Outcome(code, "because"))
    [policy] = vac_policies()
    return policy.judge(situation([one], totals={"lhcb": TypeTotals(last_abort=abort)})).vetoes


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (400, "the VO's operations team lifts a ban"),
        (500, "the site mends it"),
        (600, "the VO's operations team mends it"),
    ],
)
def test_a_fault_makes_its_machinetype_rest_and_says_who_acts(code, says):
    [veto] = vetoes(code)
    assert veto.machinetype == "lhcb"
    assert says in veto.reason
    assert veto.until == NOW - 60 + 1800


@pytest.mark.parametrize("code", [300, 700])
def test_no_work_and_a_job_s_own_fault_are_left_to_backoff(code):
    assert vetoes(code) == ()


def test_a_site_s_fault_holds_up_the_factory_that_had_it_alone():
    assert vetoes(500, factory=ELSEWHERE) == ()
    assert len(vetoes(600, factory=ELSEWHERE)) == 1


def test_the_rest_has_an_end():
    assert vetoes(600, ago=1801) == ()


def test_a_clock_that_was_set_back_makes_no_longer_rest():
    [veto] = vetoes(600, ago=-10000)
    assert veto.until == NOW + 1800


def test_machines_of_other_contextualisers_are_none_of_its_business():
    assert vetoes(600, contextualiser="user_data") == ()
