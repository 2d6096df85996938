"""``vac doctor`` asks the plugins: what they say, and what they lack, is told; what they raise harms nothing."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

import pytest
from doctoring import only, verdicts

from vac_core.cli import doctor_plugins
from vac_core.cli.findings import Verdict, within
from vac_core.cli.prospects import prospects
from vac_core.config.schema import MachineType, Site
from vac_core.interfaces import Home, Observer, PluginError
from vac_core.model import Event, Health, HealthState
from vac_core.plugins import PluginRecord, PluginState, Registry
from vac_core.testing import FakeContextualiser, FakeHypervisor, FakePolicy
from vac_core.testing.makers import machinetype, settings


class Moody(Observer):
    """An observer whose health is what a test says, and that remembers its life."""

    def __init__(self, health: Health | Exception) -> None:
        self.name = "moody"
        self._health = health
        self.life: list[str] = []
        self.home: Home | None = None

    def start(self, home: Home) -> None:
        assert home.state_dir.is_dir()
        self.home = home
        self.life.append("started")

    def stop(self) -> None:
        self.life.append("stopped")

    def health(self) -> Health:
        self.life.append("asked")
        if isinstance(self._health, Exception):
            raise self._health
        return self._health

    def observe(self, event: Event) -> None:
        raise NotImplementedError


def registry_of(observer: Observer) -> Registry:
    return Registry(observers={observer.name: observer}, owners={("observer", observer.name): "moods"})


SITE = Site(settings=settings(policies=(), peer_finders=()), plugin_options={"moods": "the options"})


@pytest.mark.parametrize(
    ("health", "verdict"),
    [
        (Health(), Verdict.OK),
        (Health(HealthState.DEGRADED, "slow", "buy a faster one"), Verdict.WARNING),
        (Health(HealthState.UNUSABLE, "no daemon", "start it"), Verdict.PROBLEM),
        (PluginError("no luck"), Verdict.PROBLEM),
    ],
)
def test_each_object_is_asked_for_its_health_and_let_go_of(health: Health | Exception, verdict: Verdict) -> None:
    moody = Moody(health)
    assert only(doctor_plugins.health(registry_of(moody), SITE, {})).verdict is verdict
    assert moody.life == ["started", "asked", "stopped"]


class Helpless(FakeHypervisor):
    """A hypervisor that cannot work here."""

    def health(self) -> Health:
        return Health(HealthState.UNUSABLE, "there is no engine", "install it")


@pytest.mark.parametrize(("model", "verdict"), [("fake", Verdict.PROBLEM), ("other", Verdict.WARNING)])
def test_a_hypervisor_that_cannot_work_is_a_problem_where_a_machinetype_needs_it(model: str, verdict: Verdict) -> None:
    registry = Registry(
        hypervisors={"fake": Helpless()},
        contextualisers={"fake": FakeContextualiser()},
        owners={("hypervisor", "fake"): "fake", ("contextualiser", "fake"): "fake"},
    )
    made = {"lhcb": machinetype("lhcb", contextualiser="fake", machine_model=model)}
    site = Site(settings=settings(policies=(), peer_finders=()), machinetypes=made)
    found = list(doctor_plugins.health(registry, site, prospects(site, registry)))
    assert verdicts(found) == [("hypervisor fake", verdict), ("contextualiser fake", Verdict.OK)]
    assert ("no machinetype needs it" in found[0].found) == (verdict is Verdict.WARNING)


def test_a_started_object_gets_its_options_and_a_directory_that_is_thrown_away() -> None:
    moody = Moody(Health())
    list(doctor_plugins.health(registry_of(moody), SITE, {}))
    assert moody.home is not None
    assert moody.home.options() == "the options"
    assert moody.home.settings() is SITE.settings
    assert not moody.home.state_dir.exists()


def test_work_that_hangs_is_left_behind() -> None:
    never = threading.Event()
    with pytest.raises(TimeoutError, match=r"longer than 0\.01 s"):
        within(0.01, never.wait)
    never.set()
    assert within(10, lambda: 42) == 42


def test_work_that_would_end_the_program_is_told_at_once() -> None:
    with pytest.raises(SystemExit, match="no more"):
        within(60, lambda: sys.exit("no more"))


def test_plugins_that_failed_and_names_that_nobody_provides_are_told() -> None:
    failed = PluginRecord(name="docker", distribution="vac-docker", state=PluginState.FAILED, error="no SDK")
    registry = Registry(records=(failed, PluginRecord(name="log")), policies={"calm": FakePolicy(name="calm")})
    assert verdicts(doctor_plugins.loading(registry)) == [
        ("plugin docker", Verdict.PROBLEM),
        ("plugin log", Verdict.OK),
    ]
    site = Site(settings=settings(policies=("calm", "storm"), peer_finders=("dns",)))
    assert verdicts(doctor_plugins.named_by_site(registry, site)) == [
        ("policies", Verdict.PROBLEM),
        ("peer_finders", Verdict.PROBLEM),
    ]


def test_each_machinetype_is_checked_for_this_host() -> None:
    registry = Registry(hypervisors={"fake": FakeHypervisor()}, contextualisers={"fake": FakeContextualiser()})
    made = {
        "good": machinetype("good", contextualiser="fake"),
        "lost": machinetype("lost", contextualiser="fake", machine_model="vax"),
    }
    site = Site(settings=settings(), machinetypes=made, disabled={"wrong": "max_processors: 'two'"})
    assert verdicts(doctor_plugins.machinetypes(site, prospects(site, registry))) == [
        ("machinetype wrong", Verdict.PROBLEM),
        ("machinetype good", Verdict.OK),
        ("machinetype lost", Verdict.PROBLEM),
    ]


class Careless(FakeContextualiser):
    """It does to a machinetype what its name says."""

    def check(self, machinetype: MachineType) -> Sequence[str]:
        if machinetype.name == "exits":
            raise SystemExit("no SDK")
        return []

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        if machinetype.name == "raises":
            raise RuntimeError("no disk")
        return ["user_data: /x is not there"] if machinetype.name == "lacks" else []


def test_what_a_machinetype_lacks_is_a_warning_and_a_plugin_that_raises_a_problem_of_it_alone() -> None:
    registry = Registry(hypervisors={"fake": FakeHypervisor()}, contextualisers={"fake": Careless()})
    names = ("exits", "lacks", "raises", "sound")
    site = Site(settings=settings(), machinetypes={one: machinetype(one, contextualiser="fake") for one in names})
    found = list(doctor_plugins.machinetypes(site, prospects(site, registry)))
    assert verdicts(found) == [
        ("machinetype exits", Verdict.PROBLEM),
        ("machinetype lacks", Verdict.WARNING),
        ("machinetype raises", Verdict.PROBLEM),
        ("machinetype sound", Verdict.OK),
    ]
    assert "no SDK" in found[0].found
    assert found[1].found == "user_data: /x is not there"
    assert found[2].found == "its plugins could not check it: RuntimeError: no disk"
