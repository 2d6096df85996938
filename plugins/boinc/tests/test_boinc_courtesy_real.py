"""The owner's own BOINC client, which is the real one, rests while machines run, and is given back."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
from boinc_host import BoincHost, boinc_host
from image_server import wait_until
from system.daemon_kit import Daemon, shell
from vac_boinc.courtesy import Courtesy
from vac_boinc.options import BoincPlugin

from vac_core.testing import home
from vac_core.testing.sweep import sweep

pytestmark = pytest.mark.system

ALWAYS, AUTO, NEVER = 1, 2, 3
"""BOINC's numbers of modes."""


@attrs.frozen
class Owner:
    """Whoever runs the client."""

    boinc: BoincHost
    port: int
    directory: Path

    @property
    def mode(self) -> int:
        return self.boinc.mode()[0]

    @property
    def options(self) -> dict[str, object]:
        """What a site says to be courteous to it."""
        return {
            "host_client": f"127.0.0.1:{self.port}",
            "host_client_password_file": str(self.directory / "gui_rpc_auth.cfg"),
        }


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    directory = tmp_path / "boinc"
    directory.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with boinc_host(directory, port=port) as boinc:
        yield Owner(boinc, port, directory)


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "f")
    yield daemon
    if daemon.process is not None:
        daemon.signal(signal.SIGKILL)
    sweep(daemon.state.path)


def write_site(factory: Daemon, owner: Owner, seconds: int, *lines: str) -> None:
    given = {**owner.options, "host_client_seconds": seconds}
    section = "\n".join(["[plugin boinc]", *(f"{name} = {value}" for name, value in given.items()), ""])
    machines = factory.machinetype("example", shell(*lines), max_processors=1, fizzle_seconds=0)
    factory.write_site(section + machines)


def until(over: Path) -> tuple[str, str]:
    """What each machine does: it works until this file is there, and has nothing more to do, so that none follows."""
    wait = f"while [ ! -e {over} ]; do sleep 0.1; done"
    return wait, 'echo "300 Nothing" >"$JOBOUTPUTS/shutdown_message"'


def test_it_rests_while_a_machine_runs_and_goes_on_at_once_when_none_does(owner: Owner, factory: Daemon) -> None:
    over = factory.directory / "over"
    # It would rest for 20 minutes if nobody told it to go on.
    write_site(factory, owner, 600, *until(over))
    factory.start()
    wait_until(lambda: owner.mode == NEVER)
    assert 600 < owner.boinc.mode()[1] <= 1200
    over.touch()
    wait_until(lambda: owner.mode == AUTO)
    assert factory.events("cleared")


def test_it_goes_on_at_once_when_the_factory_is_stopped(owner: Owner, factory: Daemon) -> None:
    write_site(factory, owner, 600, "sleep 600")
    factory.start()
    wait_until(lambda: owner.mode == NEVER)
    factory.signal(signal.SIGTERM)
    assert owner.boinc.mode() == (AUTO, 0.0)


def test_it_is_told_again_and_again_and_goes_on_by_itself_when_the_factory_is_killed(
    owner: Owner, factory: Daemon
) -> None:
    write_site(factory, owner, 3, "sleep 600")
    factory.start()
    wait_until(lambda: owner.mode == NEVER)
    left = [owner.boinc.mode()]
    while sum(after > before for (_, before), (_, after) in pairwise(left)) < 2:
        left.append(owner.boinc.mode())
        time.sleep(0.1)  # the client tells nobody that it was told
    assert {mode for mode, _ in left} == {NEVER}
    factory.signal(signal.SIGKILL)
    assert owner.mode == NEVER
    wait_until(lambda: owner.mode == AUTO)


def test_a_factory_that_died_knows_its_own_word_again(owner: Owner, factory: Daemon) -> None:
    over = factory.directory / "over"
    write_site(factory, owner, 600, *until(over))
    factory.start()
    wait_until(lambda: owner.mode == NEVER)
    factory.signal(signal.SIGKILL)
    assert owner.mode == NEVER
    factory.start()
    over.touch()
    wait_until(lambda: owner.mode == AUTO)


@pytest.mark.parametrize(("seconds", "at_least"), [(0.0, 0.0), (3600.0, 3000.0)], ids=["for good", "for an hour"])
def test_one_that_its_owner_has_set_to_rest_is_left_alone(
    owner: Owner, tmp_path: Path, seconds: float, at_least: float
) -> None:
    def untouched() -> bool:
        mode, left = owner.boinc.mode()
        return mode == NEVER and at_least <= left <= seconds

    machines = {"m": 1.0}
    options = BoincPlugin(**owner.options, host_client_seconds=60.0)
    at = attrs.evolve(home(tmp_path / "home", options=options), cpu_seconds=lambda: dict(machines))
    owner.boinc.set_mode("never", seconds)
    courtesy = Courtesy()
    courtesy.start(at)
    try:
        assert untouched()
        machines.clear()
        courtesy.look()
    finally:
        courtesy.stop()
    assert untouched()
    assert courtesy.health().found == ""


def test_its_owner_s_snooze_on_top_of_ours_stays(owner: Owner, tmp_path: Path) -> None:
    options = BoincPlugin(**owner.options, host_client_seconds=60.0)
    courtesy = Courtesy()
    courtesy.start(attrs.evolve(home(tmp_path / "home", options=options), cpu_seconds=lambda: {"m": 1.0}))
    try:
        assert owner.boinc.mode() == (NEVER, pytest.approx(120.0, abs=60.0))
        owner.boinc.set_mode("never", 3600)
        courtesy.look()
    finally:
        courtesy.stop()
    assert owner.boinc.mode() == (NEVER, pytest.approx(3600.0, abs=120.0))


def test_one_that_its_owner_lets_run_always_does_so_again(owner: Owner, tmp_path: Path) -> None:
    owner.boinc.set_mode("always")
    options = BoincPlugin(**owner.options)
    courtesy = Courtesy()
    courtesy.start(attrs.evolve(home(tmp_path / "home", options=options), cpu_seconds=lambda: {"m": 1.0}))
    try:
        assert owner.mode == NEVER
    finally:
        courtesy.stop()
    assert owner.boinc.mode() == (ALWAYS, 0.0)


def test_a_wrong_password_is_told_with_its_mend(owner: Owner, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.cfg"
    wrong.write_text("guessed\n")
    wrong.chmod(0o640)
    options = BoincPlugin(**{**owner.options, "host_client_password_file": str(wrong)})
    courtesy = Courtesy()
    courtesy.start(home(tmp_path / "home", options=options))
    try:
        assert courtesy.health().found.endswith(f"it refuses the password in {wrong}")
        assert courtesy.health().mend.startswith("name the gui_rpc_auth.cfg in its data directory")
        assert "guessed" not in str(courtesy.health())
    finally:
        courtesy.stop()
