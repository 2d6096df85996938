"""The fakes keep the contracts that they are to stand in for."""

import attrs
import pytest

from vac_core.interfaces import MachineTypeError, PluginError
from vac_core.situation import Rank, Verdicts, Veto
from vac_core.testing import (
    ContextualiserContract,
    FakeContextualiser,
    FakeObserver,
    FakePolicy,
    FakeSpace,
    ObserverContract,
    PeerFinderContract,
    PolicyContract,
    context_request,
    factory_report,
    home,
    run_virtual,
    situation,
    space_view,
)
from vac_core.testing.contracts.observer import every_event


class TestFakeContextualiser(ContextualiserContract):
    @pytest.fixture
    def contextualiser(self):
        return FakeContextualiser()


class TestFakeObserver(ObserverContract):
    @pytest.fixture
    def observer(self):
        return FakeObserver()


class TestFakePolicy(PolicyContract):
    @pytest.fixture
    def policy(self):
        return FakePolicy(
            lambda one: Verdicts(
                vetoes=tuple(
                    Veto(reason="no share", machinetype=name)
                    for name, of in one.machinetypes.items()
                    if not of.target_share
                ),
                ranks=tuple(
                    Rank(machinetype=name, value=float(len(name)), reason="short names first")
                    for name in one.machinetypes
                ),
            )
        )


class TestFakePeerFinder(PeerFinderContract):
    @pytest.fixture
    def pair(self, tmp_path):
        space = FakeSpace()
        return tuple(
            (space.finder(), home(tmp_path / name, factory=f"{name}.example.org")) for name in ("wn01", "wn02")
        )

    def run(self, story):
        run_virtual(story)


def test_an_observer_can_be_made_to_fail_and_take_the_event_later():
    observer, event = FakeObserver(), every_event()[0]
    observer.failures = 1
    with pytest.raises(PluginError, match="told again"):
        observer.observe(event)
    observer.observe(event)
    assert observer.events == [event]


def test_a_contextualiser_can_be_made_to_refuse():
    contextualiser = FakeContextualiser()
    contextualiser.refuse = lambda request: MachineTypeError(f"{request.machinetype.name} is banned")
    with pytest.raises(MachineTypeError, match="lhcb is banned"):
        contextualiser.context(context_request())
    assert len(contextualiser.requests) == 1


def test_a_policy_counts_how_often_it_was_asked():
    policy = FakePolicy()
    assert policy.judge(situation()) == Verdicts()
    assert policy.asked == 1


def test_factories_that_are_cut_from_each_other_hear_the_others(tmp_path):
    space = FakeSpace()
    names = ("wn01", "wn02", "wn03")

    async def story():
        finders = {name: space.finder() for name in names}
        for name, finder in finders.items():
            await finder.open(home(tmp_path / name, factory=name), lambda name=name: space_view(name), lambda: None)
        space.cut("wn01", "wn02")
        assert [report.factory for report in await finders["wn01"].gather()] == ["wn03"]
        assert finders["wn01"].silent() == ["wn02"]
        assert {report.factory for report in await finders["wn03"].gather()} == {"wn01", "wn02"}
        space.heal()
        assert {report.factory for report in await finders["wn01"].gather()} == {"wn02", "wn03"}

    run_virtual(story(), space.clock)


def test_a_gather_takes_the_time_it_is_given_and_hears_forged_reports(tmp_path):
    space = FakeSpace()
    space.delay = 2.0
    space.forged["wn09"] = factory_report("wn09", lhcb=1e9)

    async def story():
        finder, before = space.finder(), space.clock()
        await finder.open(home(tmp_path), space_view, lambda: None)
        (report,) = await finder.gather()
        assert space.clock() - before == pytest.approx(2.0)
        assert report == attrs.evolve(space.forged["wn09"], received=space.clock())

    run_virtual(story(), space.clock)
