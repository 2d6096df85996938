"""``vac doctor``: each thing that can be wrong is found, and its mend is told."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vac_core.cli import doctor_host, doctor_peers, doctor_plugins
from vac_core.cli.findings import Finding, Verdict, within
from vac_core.cli.main import cli
from vac_core.cli.prospects import prospects
from vac_core.config.read import Peer
from vac_core.config.schema import MachineType, Site
from vac_core.factory.endpoint import Replies
from vac_core.interfaces import Home, Observer, PluginError
from vac_core.model import Event, Health, HealthState
from vac_core.plugins import PluginRecord, PluginState, Registry
from vac_core.testing import FakeContextualiser, FakeHypervisor, FakePolicy
from vac_core.testing.control import FakeControl, status
from vac_core.testing.makers import NOW, SPACE, machinetype, settings
from vac_core.vacquery.messages import FactoryStatus

Vac = Callable[..., Result]


def verdicts(findings: Iterable[Finding]) -> list[tuple[str, Verdict]]:
    found = list(findings)
    assert all(one.mend for one in found if one.verdict is not Verdict.OK)
    return [(one.what, one.verdict) for one in found]


def only(findings: Iterable[Finding]) -> Finding:
    (found,) = findings
    assert found.mend or found.verdict is Verdict.OK
    return found


def test_a_clock_of_long_ago_is_a_problem() -> None:
    assert only(doctor_host.clock(86400.0)).verdict is Verdict.PROBLEM


@pytest.mark.parametrize(("said", "verdict"), [("yes", Verdict.OK), ("no", Verdict.WARNING), ("", Verdict.OK)])
def test_a_clock_that_nothing_keeps_right_is_a_warning(
    said: str, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "timedatectl"
    program.write_text(f"#!/bin/sh\necho {said}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert only(doctor_host.clock()).verdict is verdict


@pytest.mark.parametrize(
    ("name", "factories", "verdict"),
    [
        ("wn01.example.org", (), Verdict.OK),
        ("wn01.example.org", (Peer("wn01", "wn01"), Peer("wn02", "wn02")), Verdict.OK),
        ("wn01.example.org", (Peer("wn02.example.org", "wn02.example.org"),), Verdict.WARNING),
        ("wn01", (), Verdict.WARNING),
        ("localhost", (), Verdict.PROBLEM),
    ],
)
def test_a_name_that_peers_cannot_know_is_told(name: str, factories: tuple[Peer, ...], verdict: Verdict) -> None:
    assert only(doctor_host.name(settings(factory_name=name, factories=factories))).verdict is verdict


def test_a_state_directory_must_be_private_and_a_directory(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert "will be made" in only(doctor_host.state_directory(state)).found
    state.mkdir(mode=0o755)
    found = only(doctor_host.state_directory(state))
    assert (found.verdict, found.mend) == (Verdict.PROBLEM, f"chmod 700 {state}")
    state.chmod(0o700)
    assert only(doctor_host.state_directory(state)).verdict is Verdict.OK
    (tmp_path / "file").touch()
    assert "no directory" in only(doctor_host.state_directory(tmp_path / "file")).found
    assert only(doctor_host.state_directory(tmp_path / "file" / "below")).verdict is Verdict.PROBLEM


AS_NOBODY = """
import os, sys
from pathlib import Path
from vac_core.cli.doctor_host import state_directory
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)  # root may write anywhere, so this is asked as somebody else
for path in sys.argv[1:]:
    print(next(iter(state_directory(Path(path)))).found)
"""


def test_a_state_directory_of_another_user_is_told() -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o555)
        command = [sys.executable, "-c", AS_NOBODY, open_to_all, f"{open_to_all}/state"]
        asked = subprocess.run(command, capture_output=True, text=True, check=True)
        Path(open_to_all).chmod(0o755)
    itself, below = asked.stdout.splitlines()
    assert "cannot be written" in itself
    assert "is not there" in below


def test_a_socket_path_that_the_kernel_would_refuse_is_told(tmp_path: Path) -> None:
    longest = Path("/" + "d" * 93) / "control.sock"
    assert only(doctor_host.socket_path(longest)).verdict is Verdict.OK
    assert only(doctor_host.socket_path(longest.with_name("control.socks"))).verdict is Verdict.PROBLEM
    with socket.socket(socket.AF_UNIX) as probe, pytest.raises(OSError, match="too long"):
        probe.bind(str(longest.with_name("control.socks")))


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    assert only(doctor_host.disk(tmp_path / "state", settings(min_disk_free_mb=0))).verdict is Verdict.OK
    found = only(doctor_host.disk(tmp_path, settings(min_disk_free_mb=10**9)))
    assert (found.verdict, "min_disk_free_mb" in found.found) == (Verdict.PROBLEM, True)


def test_ports_that_another_program_holds_are_told() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
    ):
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        wanted = settings(
            vacquery_address="127.0.0.1", vacquery_port=udp.getsockname()[1], http_port=tcp.getsockname()[1]
        )
        taken = verdicts(doctor_host.ports(wanted, running=False))
        held = verdicts(doctor_host.ports(wanted, running=True))
    assert taken == [("UDP port", Verdict.PROBLEM), ("TCP port", Verdict.PROBLEM)]
    assert verdicts(doctor_host.ports(wanted, running=False)) == held
    assert {verdict for _, verdict in held} == {Verdict.OK}


def test_an_address_that_is_not_this_host_s_is_told() -> None:
    wanted = settings(vacquery_address="192.0.2.1", http_address="not an address")
    assert verdicts(doctor_host.ports(wanted, running=False)) == [
        ("UDP port", Verdict.PROBLEM),
        ("TCP port", Verdict.PROBLEM),
    ]


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


def test_a_name_that_is_blocked_in_vain_is_told_with_those_there_are(vac: Vac) -> None:
    found = json.loads(vac("--no-plugin", "dokcer", "doctor", "--json").output)
    (told,) = [one for one in found if one["what"] == "plugin dokcer"]
    assert told["verdict"] == "warning"
    assert "policies, process" in told["mend"]
    listed = vac("--no-plugin", "dokcer", "plugins")
    assert listed.exit_code == 0
    assert "vac: no plugin dokcer is installed, so none is blocked by that name" in listed.output


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


def test_silent_and_unknown_peers_are_told() -> None:
    replies = Replies(statuses={"wn01": (), "wn02": ()}, silent=("wn03", "wn04"), unknown={"wn04": "no such name"})
    found = list(doctor_peers.peers(replies, "wn01", 995))
    assert verdicts(found) == [
        ("peer wn03", Verdict.WARNING),
        ("peer wn04", Verdict.PROBLEM),
        ("peers", Verdict.OK),
    ]
    assert found[-1].found.startswith("1 answered")


def test_a_peer_s_clock_that_goes_wrong_is_told() -> None:
    told = [
        FactoryStatus(cookie="0", space=SPACE, factory=name, time_sent=int(NOW) + ahead)
        for name, ahead in (("wn02", 2), ("wn03", 60), ("wn04", -60))
    ]
    found = list(doctor_peers.clocks(told, NOW))
    assert [one.found for one in found] == ["its clock is 60 s ahead of ours", "its clock is 60 s behind ours"]


@pytest.fixture
def vac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vac:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "site.conf").write_text(
        f"[settings]\nvac_space = {SPACE}\nfactory_name = wn01.example.org\nmin_disk_free_mb = 0\n"
        f"udp_timeout_seconds = 0.2\nvacquery_address = 127.0.0.1\nvacquery_port = {port}\n"
    )
    (tmp_path / "state").mkdir(mode=0o700)
    monkeypatch.setenv("VAC_CONFIG", str(tmp_path / "site.conf"))
    monkeypatch.setenv("VAC_STATE_DIR", str(tmp_path / "state"))
    return lambda *words: CliRunner().invoke(cli, list(words))


def looked_at(result: Result) -> dict[str, str]:
    return {one["what"]: one["verdict"] for one in json.loads(result.output)}


def test_doctor_looks_at_everything_and_finds_no_problem_here(vac: Vac) -> None:
    result = vac("doctor", "--json")
    assert result.exit_code == 0, result.output
    found = looked_at(result)
    wanted = {"clock", "state directory", "control socket", "site files", "name", "disk", "UDP port", "TCP port"}
    wanted |= {"plugin log", "hypervisor process", "peer_finder static", "observer log", "peers", "factory"}
    assert wanted <= found.keys()


def test_doctor_tells_the_mend_and_exits_with_1(vac: Vac, tmp_path: Path) -> None:
    (tmp_path / "state").chmod(0o755)
    with (tmp_path / "site.conf").open("a") as site:
        site.write("vac_spaace = x\n")
    result = vac("doctor")
    assert result.exit_code == 1
    assert f"to mend state directory: chmod 700 {tmp_path / 'state'}" in result.output
    assert "vac_spaace" in result.output


def test_doctor_tells_what_troubles_the_running_factory(vac: Vac, tmp_path: Path) -> None:
    with FakeControl(tmp_path / "state") as control:
        control.answers["GET /status"] = status(troubles={"docker": "no daemon at its socket"})
        result = vac("doctor", "--json")
    assert result.exit_code == 1
    assert looked_at(result)["factory: docker"] == "problem"
    assert looked_at(result)["factory"] == "ok"
