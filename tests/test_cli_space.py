"""``vac machines``, ``machinetype`` and ``factories``: real responders answer them over loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result

from vac_core.cli import space_rows
from vac_core.cli.asking import peers_to_ask
from vac_core.cli.main import cli
from vac_core.config.read import Peer
from vac_core.factory.endpoint import Responder, Rules
from vac_core.interfaces import SpaceView
from vac_core.model import MachineState, Outcome
from vac_core.testing.makers import NOW, SPACE, machine, settings, space_view
from vac_core.vacquery.messages import FactoryStatus, MachineStatus

Vac = Callable[..., Result]
COMMON = {"cookie": "0", "space": SPACE, "factory": "wn01.example.org"}


def view(factory: str) -> SpaceView:
    """A factory with one machine that runs and one slot whose machine aborted."""
    short = factory.partition(".")[0]
    running = machine(0, name=f"{short}-00.example.org", cpu_seconds=1800.0, heartbeat=NOW)
    ended = machine(
        1,
        name=f"{short}-01.example.org",
        machinetype="atlas",
        state=MachineState.ENDED,
        ended=NOW - 60,
        outcome=Outcome(300, "no \x1b[2Jwork"),
    )
    status = {
        "running_processors": 1,
        "max_processors": 8,
        "running_machines": 1,
        "max_machines": 2,
        "load_average": 2.5,
    }
    return attrs.evolve(space_view(factory), machines=(running, ended), status=status)


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    """Two factories' responders, each on a port of its own, in a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    responders = {
        name: Responder(Rules(space=SPACE), lambda name=name: view(name))
        for name in ("wn01.example.org", "wn02.example.org")
    }

    async def listen() -> dict[str, int]:
        return {name: await one.listen("127.0.0.1", 0) for name, one in responders.items()}

    async def close() -> None:
        for one in responders.values():
            one.close()

    yield asyncio.run_coroutine_threadsafe(listen(), loop).result(timeout=60)
    asyncio.run_coroutine_threadsafe(close(), loop).result(timeout=60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=60)
    loop.close()


@pytest.fixture
def vac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ports: dict[str, int]) -> Vac:
    """Run ``vac`` at the first of the two factories."""
    peers = " ".join(f"{name}@127.0.0.1:{port}" for name, port in ports.items())
    text = f"[settings]\nvac_space = {SPACE}\nfactory_name = wn01.example.org\nfactories = {peers}\n"
    (tmp_path / "site.conf").write_text(
        f"{text}[machinetype lhcb]\ntarget_share = 2\nfizzle_seconds = 600\nuser_data = x\n"
    )
    monkeypatch.setenv("VAC_CONFIG", str(tmp_path / "site.conf"))
    monkeypatch.delenv("COLUMNS", raising=False)
    return lambda *words: CliRunner().invoke(cli, list(words))


def test_machines_has_a_line_for_each_slot_of_the_space(vac: Vac) -> None:
    result = vac("machines")
    assert result.exit_code == 0
    heading, *rows, summary = result.output.splitlines()
    assert heading.split() == [word for name in space_rows.MACHINES for word in name.split()]
    assert [row.split()[:2] for row in rows] == [
        [f"wn0{n}-0{slot}.example.org", kind] for n in (1, 2) for slot, kind in enumerate(("lhcb", "atlas"))
    ]
    assert "*  Running" in rows[0]
    assert "50.0%" in rows[0]
    assert "300 no" in rows[1]
    assert "\x1b" not in result.output
    assert summary.startswith("4 slots in ")
    assert summary.endswith("2 running, 0 starting")


def test_machines_can_be_limited_to_factories_by_their_short_names(vac: Vac) -> None:
    assert {line.partition("-")[0] for line in vac("machines", "wn02").output.splitlines()[1:-1]} == {"wn02"}
    assert {line.partition("-")[0] for line in vac("machines", ".").output.splitlines()[1:-1]} == {"wn01"}


def test_machinetype_shows_its_slots_and_what_runs(vac: Vac) -> None:
    result = vac("machinetype", "atlas")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["wn01-01.example.org", "wn02-01.example.org"]
    assert lines[-1] == "atlas: 0 running with 0.00 HS06, 0 starting"
    assert vac("machinetype", "lhcb").output.splitlines()[-1] == "lhcb: 2 running with 2.00 HS06, 0 starting"


def test_a_machinetype_that_nobody_knows_is_told_with_those_there_are(vac: Vac) -> None:
    result = vac("machinetype", "lchb")
    assert result.exit_code == 1
    assert result.output == "vac: nobody knows a machinetype 'lchb': there are: atlas, lhcb\n"


def test_top_shows_the_others_where_no_factory_runs(vac: Vac, tmp_path: Path) -> None:
    result = vac("--state-dir", str(tmp_path / "none"), "top")
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0][:6] == [SPACE, "2", "factories,", "2", "machines,", "2"]
    assert ["lhcb", "100.0%", "100.0%"] in [line[:3] for line in lines]
    assert [line[3] for line in lines if line[:1] == ["wn02.example.org"]] == ["1/8"]


def test_factories_shows_running_of_all(vac: Vac) -> None:
    result = vac("factories")
    assert result.exit_code == 0
    first = result.output.splitlines()[1].split()
    assert first[:3] == ["wn01.example.org", "1/8", "1/2"]
    assert "2.50" in first


def test_json_is_what_the_factories_sent(vac: Vac) -> None:
    answer = json.loads(vac("machines", "--json").output)
    assert sorted(answer["factories"]) == ["wn01.example.org", "wn02.example.org"]
    assert answer["factories"]["wn02.example.org"][0]["machine"] == "wn02-00.example.org"
    assert (answer["silent"], answer["partial"]) == ([], [])
    only = json.loads(vac("machinetype", "atlas", "--json").output)["factories"]
    assert [one["machinetype"] for sent in only.values() for one in sent] == ["atlas", "atlas"]


def test_factories_that_do_not_answer_are_named_and_the_others_shown(vac: Vac) -> None:
    result = vac("machines", "--timeout", "3", "wn02", "127.0.0.9")
    assert result.exit_code == 1
    assert "vac: 127.0.0.9: no answer" in result.output
    assert "wn02-00.example.org" in result.output


def test_another_space_gets_no_answer(vac: Vac) -> None:
    result = vac("factories", "--space", "other.example.org", "--timeout", "0.2")
    assert result.exit_code == 1
    assert result.output.count("no answer") == 2


def test_a_broken_site_is_told_whole(vac: Vac, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("[settings]\nfactories = a@b@c\n")
    result = vac("machines")
    assert result.exit_code == 1
    assert result.output.startswith("vac: the site files cannot be used:\n")
    assert "vac_space" in result.output
    assert "a@b@c" in result.output


def test_this_factory_is_asked_though_the_site_does_not_list_it() -> None:
    own = settings(factory_name="wn01.example.org", factories=(Peer("wn02", "10.0.0.2", 1995),))
    assert peers_to_ask(own) == (
        Peer("wn01.example.org", "127.0.0.1"),
        Peer("wn02.example.org", "10.0.0.2", 1995),
    )
    listening = attrs.evolve(own, vacquery_address="10.0.0.1")
    assert peers_to_ask(listening, ["."]) == (Peer("wn01.example.org", "10.0.0.1"),)
    assert peers_to_ask(own, ["wn09"]) == (Peer("wn09.example.org", "wn09.example.org"),)


def test_a_factory_named_without_an_address_is_found_at_its_full_name() -> None:
    own = settings(factory_name="wn01.example.org", factories=(Peer("wn02", "wn02"),))
    assert peers_to_ask(own, ["wn02"]) == (Peer("wn02.example.org", "wn02.example.org"),)


def test_a_slot_that_was_never_used_and_a_young_machine_have_no_star() -> None:
    empty = MachineStatus(**COMMON, num_machines=2, machine="a", state="Unknown")
    young = MachineStatus(
        **COMMON, num_machines=2, machine="b", state="Running", machinetype="lhcb", started_time=int(NOW) - 5
    )
    rows = list(space_rows.machine_rows([empty, young], {"lhcb": 600}, NOW))
    assert [row[2] for row in rows] == [" ", " "]
    assert [row[4] for row in rows] == ["", "5s"]


def test_a_factory_that_tells_little_is_shown() -> None:
    ((name, *rest),) = space_rows.factory_rows([FactoryStatus(**COMMON)], NOW)
    assert name == "wn01.example.org"
    assert len(rest) == len(space_rows.FACTORIES) - 1
