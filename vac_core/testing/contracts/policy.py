"""What every policy keeps."""
# ruff: noqa: D102 - the names of the tests say what is kept

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from vac_core.interfaces import Policy
from vac_core.model import Health
from vac_core.situation import Ask, Rank, Situation, Verdicts, Veto
from vac_core.testing.makers import situation
from vac_core.testing.strategies import situations

_EXAMPLES = 30
"""Situations for each promise: there are several promises and many policies."""


class PolicyContract:
    """Subclass it, and give it a fixture ``policy``. Each promise is tried on many situations, odd ones among them."""

    @pytest.fixture
    def policy(self) -> Policy:
        """The object under test. A policy is a pure function: one object serves a whole test."""
        raise NotImplementedError("give the contract a fixture named policy")

    def test_it_has_a_name_and_speaks_of_its_health(self, policy: Policy) -> None:
        assert policy.name
        assert isinstance(policy.health(), Health)

    def test_it_judges_where_nothing_is_known(self, policy: Policy) -> None:
        assert isinstance(policy.judge(situation(totals={}, factories_heard=0)), Verdicts)

    def test_the_same_situation_has_the_same_verdicts(self, policy: Policy) -> None:
        _in_all(lambda one: policy.judge(one) == policy.judge(one))

    def test_ranks_are_finite_numbers_of_known_machinetypes(self, policy: Policy) -> None:
        _in_all(
            lambda one: all(
                math.isfinite(rank.value) and rank.value >= 0 and rank.machinetype in one.machinetypes
                for rank in policy.judge(one).ranks
            )
        )

    def test_no_machinetype_is_ranked_twice(self, policy: Policy) -> None:
        _in_all(lambda one: len(ranked := [rank.machinetype for rank in policy.judge(one).ranks]) == len(set(ranked)))

    def test_vetoes_are_of_known_machinetypes_or_of_the_whole_host(self, policy: Policy) -> None:
        _in_all(
            lambda one: all(
                veto.machinetype is None or veto.machinetype in one.machinetypes for veto in policy.judge(one).vetoes
            )
        )

    def test_a_veto_that_ends_ends_in_time_to_come(self, policy: Policy) -> None:
        _in_all(
            lambda one: all(
                veto.until is None or (math.isfinite(veto.until) and veto.until >= one.now)
                for veto in policy.judge(one).vetoes
            )
        )

    def test_each_verdict_has_a_reason(self, policy: Policy) -> None:
        _in_all(lambda one: all(verdict.reason.strip() for verdict in _verdicts(policy.judge(one))))

    def test_it_asks_only_for_machines_that_are_there(self, policy: Policy) -> None:
        _in_all(
            lambda one: {ask.machine_id for ask in policy.judge(one).asks} <= {machine.id for machine in one.machines}
        )

    def test_it_allows_no_fewer_starts_than_none(self, policy: Policy) -> None:
        _in_all(lambda one: (most := policy.judge(one).most_starts) is None or most >= 0)

    def test_it_leaves_the_next_machine_of_a_machinetype_a_processor_or_vetoes_it(self, policy: Policy) -> None:
        _in_all(lambda one: all(most >= 1 for most in policy.judge(one).most_processors.values()))


def _in_all(holds: Callable[[Situation], bool]) -> None:
    @settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(situations())
    def check(one: Situation) -> None:
        assert holds(one)

    check()


def _verdicts(given_: Verdicts) -> tuple[Veto | Rank | Ask, ...]:
    return (*given_.vetoes, *given_.ranks, *given_.asks)
