"""``vac doctor``: each thing that can be wrong is found, and its mend is told."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from doctoring import only, verdicts

from vac_core.cli import doctor_host, doctor_peers
from vac_core.cli.findings import Verdict
from vac_core.cli.main import cli
from vac_core.config.read import Peer
from vac_core.factory.endpoint import Replies
from vac_core.plugins import load_plugins
from vac_core.testing.control import FakeControl, status
from vac_core.testing.makers import NOW, SPACE, settings
from vac_core.vacquery.messages import FactoryStatus

Vac = Callable[..., Result]


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
    """Run ``vac`` with the core's own plugins: what others find on this host is theirs to test."""
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
    others = [one.name for one in load_plugins().records if one.distribution != "vac-core"]
    alone = [word for name in others for word in ("--no-plugin", name)]
    return lambda *words: CliRunner().invoke(cli, [*alone, *words])


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


def test_doctor_tells_that_the_factory_goes_on_with_earlier_files(vac: Vac, tmp_path: Path) -> None:
    with FakeControl(tmp_path / "state") as control:
        control.answers["GET /status"] = status(config={"read": NOW, "problems": ["x"], "stale": True})
        result = vac("doctor", "--json")
    assert looked_at(result)["factory: site files"] == "warning"


def test_a_name_that_is_blocked_in_vain_is_told_with_those_there_are(vac: Vac) -> None:
    found = json.loads(vac("--no-plugin", "dokcer", "doctor", "--json").output)
    (told,) = [one for one in found if one["what"] == "plugin dokcer"]
    assert told["verdict"] == "warning"
    assert "policies, process" in told["mend"]
    listed = vac("--no-plugin", "dokcer", "plugins")
    assert listed.exit_code == 0
    assert "vac: no plugin dokcer is installed, so none is blocked by that name" in listed.output
