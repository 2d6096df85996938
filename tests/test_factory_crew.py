"""The objects a factory works with: picked by the site, started, checked, and each one's trouble kept to itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from vac_core.factory.calls import ThreadCalls
from vac_core.factory.crew import Crew, muster
from vac_core.factory.state_dir import StateDir
from vac_core.interfaces import Home, PluginError
from vac_core.model import Health, HealthState
from vac_core.plugins import Registry
from vac_core.testing import (
    FakeContextualiser,
    FakeHypervisor,
    FakeObserver,
    FakePolicy,
    FakeSpace,
    run_virtual,
    settings,
)
from vac_core.testing import home as make_home

USUAL = settings(policies=("one",), peer_finders=("fake",))


class Recorded(FakeObserver):
    """Remembers what the factory gave it and asked of it."""

    def __init__(self, name: str = "fake", on_start: Callable[[], None] = lambda: None) -> None:
        super().__init__(name=name)
        self.given: Home | None = None
        self.stopped = 0
        self._on_start = on_start

    def start(self, home: Home) -> None:
        self.given = home
        self._on_start()

    def stop(self) -> None:
        self.stopped += 1
        if self.name == "stubborn":
            raise RuntimeError("no")


class Ailing(FakeHypervisor):
    """Says of its health what a test wants."""

    def __init__(self, name: str = "fake") -> None:
        super().__init__(name=name)
        self.said: Any = Health()

    def health(self) -> Health:
        if isinstance(self.said, Exception):
            raise self.said
        said: Health = self.said
        return said


def registry(**changes: Any) -> Registry:
    usual: dict[str, Any] = {
        "hypervisors": {"fake": FakeHypervisor()},
        "contextualisers": {"user_data": FakeContextualiser()},
        "peer_finders": {"fake": FakeSpace().finder()},
        "policies": {"one": FakePolicy(name="one"), "two": FakePolicy(name="two")},
        "observers": {"fake": FakeObserver()},
    }
    return Registry(**{**usual, **changes})


def failing(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def start(crew: Crew, of: Registry, directory: Path, options: dict[str, object] | None = None) -> StateDir:
    state = StateDir(directory / "factory")
    state.prepare()
    home = attrs.evolve(make_home(directory), options=lambda: options or {})
    run_virtual(started(crew, of, state, home))
    return state


async def started(crew: Crew, of: Registry, state: StateDir, home: Home) -> None:
    await crew.start(home, state, of, ThreadCalls())


async def checked(crew: Crew) -> dict[str, str]:
    await crew.check_health(ThreadCalls())
    return crew.unusable


async def stopped(crew: Crew) -> None:
    await crew.stop(ThreadCalls())


def test_the_site_picks_policies_and_peer_finders_in_its_order_and_gets_all_else() -> None:
    crew = muster(registry(), settings(policies=("two", "one"), peer_finders=("fake",)))
    assert [one.name for one in crew.policies] == ["two", "one"]
    assert [one.name for one in crew.peer_finders] == ["fake"]
    assert [one.name for one in crew.observers] == ["fake"]
    assert (set(crew.hypervisors), set(crew.contextualisers)) == ({"fake"}, {"user_data"})
    assert crew.missing == ()
    assert crew.unjudged == ""


def test_a_name_that_no_plugin_provides_is_told_with_those_there_are() -> None:
    crew = muster(registry(peer_finders={}), settings(policies=("one", "vo"), peer_finders=("multicast",)))
    assert crew.missing == (
        "[settings] policies: no plugin provides 'vo' (there are: one, two)",
        "[settings] peer_finders: no plugin provides 'multicast' (there are: none)",
    )
    assert crew.unjudged == "[settings] policies: no plugin provides 'vo' (there are: one, two)"
    assert [one.name for one in crew.policies] == ["one"]


def test_each_object_is_started_with_a_private_home_and_its_plugins_options(tmp_path: Path) -> None:
    observer = Recorded("grid")
    of = registry(observers={"grid": observer})
    of = attrs.evolve(of, owners={("observer", "grid"): "accounting"})
    crew = muster(of, USUAL)
    state = start(crew, of, tmp_path, {"accounting": "its options", "grid": "another's"})
    assert crew.failed == {}
    assert observer.given is not None
    assert observer.given.state_dir == state.plugin("observer", "grid")
    assert observer.given.state_dir.stat().st_mode & 0o777 == 0o700
    assert observer.given.options() == "its options"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PluginError("no certificate: write gocdb_cert_file"), "no certificate: write gocdb_cert_file"),
        (
            PermissionError(13, "Permission denied"),
            "starting observer fake raised PermissionError: [Errno 13] Permission denied",
        ),
        (ZeroDivisionError("by zero"), "starting observer fake raised ZeroDivisionError: by zero"),
    ],
)
def test_what_cannot_be_started_is_left_out_and_said_and_nothing_else_is(
    tmp_path: Path, error: Exception, said: str
) -> None:
    bad, good = Recorded("fake", failing(error)), Recorded("good")
    of = registry(observers={"fake": bad, "good": good})
    crew = muster(of, USUAL)
    start(crew, of, tmp_path)
    assert crew.failed == crew.unusable == {"observer fake": said}
    assert crew.observers == [good]
    assert crew.started("hypervisor", crew.hypervisors["fake"]), "of the same name, and of another kind"
    assert len(crew.peer_finders) == 1
    run_virtual(stopped(crew))
    assert (bad.stopped, good.stopped) == (0, 1)


def test_an_object_whose_directory_cannot_be_made_is_left_out(tmp_path: Path) -> None:
    of = registry()
    crew = muster(of, USUAL)
    state = StateDir(tmp_path / "factory")
    state.prepare()
    state.plugin("policy", "one").touch()
    start(crew, of, tmp_path)
    assert crew.failed.keys() == {"policy one"}
    assert crew.unjudged.startswith("policy one: ")


def test_an_object_that_does_not_stop_keeps_no_other_from_stopping(tmp_path: Path) -> None:
    stubborn, good = Recorded("stubborn"), Recorded("good")
    of = registry(observers={"stubborn": stubborn, "good": good})
    crew = muster(of, USUAL)
    start(crew, of, tmp_path)
    run_virtual(stopped(crew))
    assert (stubborn.stopped, good.stopped) == (1, 1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Health(HealthState.UNUSABLE, "no /dev/kvm", "load kvm"), "no /dev/kvm: load kvm"),
        (PluginError("the daemon of docker is gone"), "the daemon of docker is gone"),
        (KeyError("Server"), "the health check of hypervisor fake raised KeyError: 'Server'"),
        (None, "its health check gave NoneType, not Health"),
        ("well", "its health check gave str, not Health"),
    ],
)
def test_what_says_that_it_cannot_work_is_unusable_until_it_can(said: object, reason: str) -> None:
    ailing = Ailing()
    crew = muster(registry(hypervisors={"fake": ailing}), USUAL)
    ailing.said = said
    assert run_virtual(checked(crew)) == {"hypervisor fake": reason}
    ailing.said = Health()
    assert run_virtual(checked(crew)) == {}


def test_a_degraded_hypervisor_is_still_used() -> None:
    ailing = Ailing()
    ailing.said = Health(HealthState.DEGRADED, "no cgroup", "mount it")
    assert run_virtual(checked(muster(registry(hypervisors={"fake": ailing}), USUAL))) == {}


def test_what_was_never_started_is_not_asked_how_it_is(tmp_path: Path) -> None:
    ailing = Ailing()
    ailing.host.failures["start"] = PluginError("no socket")
    ailing.said = Health(HealthState.UNUSABLE, "never", "started")
    of = registry(hypervisors={"fake": ailing})
    crew = muster(of, USUAL)
    start(crew, of, tmp_path)
    assert run_virtual(checked(crew)) == {"hypervisor fake": "no socket"}
