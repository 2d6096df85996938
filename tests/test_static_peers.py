"""The peer finder ``static``: factories on addresses of the loopback that find, answer and wake each other."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_asyncio
from engines import missing

from vac_core.builtin.static_peers import StaticPeers, vac_peer_finders
from vac_core.config.read import Peer
from vac_core.factory.endpoint import Manner, query
from vac_core.interfaces import Home, PluginError, SpaceView
from vac_core.model import FactoryReport, HealthState, MachineState, Outcome, TypeReport
from vac_core.testing import home, machine, settings, space_view
from vac_core.testing.contracts.peer_finder import PeerFinderContract
from vac_core.vacquery.messages import StatusChanged, encode

SPACE = "vac01.example.org"
WN01, WN02, WN03 = "wn01.example.org", "wn02.example.org", "wn03.example.org"
KEY = b"0123456789abcdef0123456789abcdef"


def address_of(name: str) -> str:
    """The loopback address on which a factory of these tests listens."""
    return f"127.0.0.{100 + int(name[2:4])}"


class Node:
    """One factory of the space: its peer finder, what it has to tell, and what it was told."""

    def __init__(self, name: str, port: int, directory: Path, **changes: Any) -> None:
        self.name = name
        self.finder = StaticPeers()
        self.settings = settings(
            **{
                "vacquery_address": address_of(name),
                "vacquery_port": port,
                "factories": tuple(Peer(one, address_of(one)) for one in (WN01, WN02, WN03)),
                "udp_timeout_seconds": 20.0,
                **changes,
            }
        )
        self.home: Home = attrs.evolve(home(directory / name, factory=name), settings=lambda: self.settings)
        self.view: SpaceView = space_view(name, lhcb=10.5)
        self.woken = asyncio.Event()

    async def open(self) -> "Node":
        await self.finder.open(self.home, lambda: self.view, self.woken.set)
        return self

    async def heard(self) -> dict[str, FactoryReport]:
        return {report.factory: report for report in await self.finder.gather()}

    async def wait_for_news(self) -> None:
        async with asyncio.timeout(10):
            await self.woken.wait()
        self.woken.clear()

    def hint(self, source: str, **changes: Any) -> None:
        """Send it a hint from an address of the loopback."""
        message = StatusChanged(**{"cookie": "0", "space": SPACE, "factory": WN02, "to": self.name, **changes})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind((source, 0))
            one.sendto(encode(message), (address_of(self.name), self.settings.vacquery_port))


@pytest.fixture
def port() -> int:
    """A port that is free on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class TestContract(PeerFinderContract):
    """What every peer finder keeps, ``static`` keeps on real sockets."""

    @pytest.fixture
    def pair(self, tmp_path: Path, port: int) -> Any:
        first, second = (Node(name, port, tmp_path, udp_timeout_seconds=0.5) for name in (WN01, WN02))
        for one in (first, second):
            one.settings = attrs.evolve(one.settings, factories=one.settings.factories[:2])
        return (first.finder, first.home), (second.finder, second.home)


Start = Callable[..., Awaitable[Node]]


@pytest_asyncio.fixture
async def node(port: int, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts factories of the space."""
    started: list[Node] = []

    async def start(name: str, **changes: Any) -> Node:
        one = Node(name, port, tmp_path, **changes)
        started.append(one)
        return await one.open()

    yield start
    for one in started:
        await one.finder.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    write_key(path)
    return path


def write_key(path: Path) -> None:
    path.write_bytes(KEY)
    path.chmod(0o600)


def write_no_key(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.asyncio
async def test_factories_hear_each_other_and_never_ask_themselves(node: Start) -> None:
    first, second, third = [await node(name) for name in (WN01, WN02, WN03)]
    second.view = space_view(WN02, lhcb=21.0)
    reports = await first.heard()
    assert reports.keys() == {WN02, WN03}
    assert reports[WN02].types["lhcb"].running_hs06 == 21.0
    assert (await third.heard()).keys() == {WN01, WN02}
    assert first.finder.silent() == ()


@pytest.mark.asyncio
async def test_a_factory_that_is_down_is_named_and_the_others_still_heard(node: Start) -> None:
    first = await node(WN01, udp_timeout_seconds=0.5)
    await node(WN02)
    assert (await first.heard()).keys() == {WN02}
    assert first.finder.silent() == (WN03,)


@pytest.mark.asyncio
async def test_a_factory_that_comes_back_is_heard_again(node: Start) -> None:
    first = await node(WN01, udp_timeout_seconds=0.5)
    await node(WN02)
    await first.heard()
    await node(WN03)
    first.settings = attrs.evolve(first.settings, udp_timeout_seconds=20.0)
    assert (await first.heard()).keys() == {WN02, WN03}
    assert first.finder.silent() == ()


@pytest.mark.asyncio
async def test_a_factory_that_goes_is_forgotten(node: Start) -> None:
    first, second = await node(WN01), await node(WN02)
    await node(WN03)
    assert (await first.heard()).keys() == {WN02, WN03}
    await second.finder.close()
    first.settings = attrs.evolve(first.settings, udp_timeout_seconds=0.5)
    assert (await first.heard()).keys() == {WN03}


@pytest.mark.asyncio
async def test_a_hint_wakes_peers_and_only_its_sender_is_asked(node: Start) -> None:
    first, second, third = [await node(name) for name in (WN01, WN02, WN03)]
    await first.heard()
    await second.heard()
    abort = TypeReport(machinetype="lhcb", outcome=Outcome(300, "No work"), shutdown_time=1.0)
    second.view, third.view = space_view(WN02, lhcb=abort), space_view(WN03, lhcb=99.0)
    await second.finder.announce()
    await first.wait_for_news()
    reports = await first.heard()
    assert reports[WN02].types["lhcb"].outcome == Outcome(300, "No work")
    assert reports[WN03].types["lhcb"].running_hs06 == 10.5
    assert (await first.heard())[WN03].types["lhcb"].running_hs06 == 99.0


@pytest.mark.asyncio
async def test_many_announcements_wake_peers_a_few_times(node: Start) -> None:
    first, second = await node(WN01), await node(WN02)
    second.settings = attrs.evolve(second.settings, udp_timeout_seconds=0.5)
    await second.heard()
    first.settings = attrs.evolve(first.settings, udp_timeout_seconds=0.5)
    await first.heard()
    for _ in range(100):
        await second.finder.announce()
    await first.wait_for_news()
    await first.wait_for_news()
    assert not first.woken.is_set()


@pytest.mark.asyncio
async def test_forged_hints_wake_nobody(node: Start) -> None:
    first = await node(WN01, udp_timeout_seconds=0.2)
    await first.heard()
    first.hint("127.0.0.66")
    first.hint(address_of(WN03))
    first.hint(address_of(WN02), to=WN03)
    first.hint(address_of(WN02), space="vac02.example.org")
    first.hint(address_of(WN02), factory="wn99.example.org")
    await query("factory", [Peer(WN01, address_of(WN01))], space=SPACE, port=first.settings.vacquery_port)
    assert not first.woken.is_set()
    assert "refused" in first.finder.health().found
    first.hint(address_of(WN02))
    await first.wait_for_news()


@pytest.mark.asyncio
async def test_a_flood_of_hints_from_one_peer_is_cut_off(node: Start) -> None:
    first = await node(WN01, udp_timeout_seconds=0.2)
    await first.heard()
    for _ in range(50):
        first.hint(address_of(WN02))
    await query("factory", [Peer(WN01, address_of(WN01))], space=SPACE, port=first.settings.vacquery_port)
    assert "too many from one sender" in first.finder.health().found


@pytest.mark.asyncio
async def test_only_factories_are_answered_where_the_site_wants_it(node: Start) -> None:
    first = await node(WN01, vacquery_allow="factories")
    second = await node(WN02)
    await node(WN03)
    await first.heard()
    assert WN01 in await second.heard()
    asked = [Peer(WN01, address_of(WN01))]
    port = first.settings.vacquery_port
    stranger = await query("factory", asked, space=SPACE, port=port, deadline=0.1)
    own = await query("factory", asked, space=SPACE, port=port, manner=Manner(source=address_of(WN01)))
    assert (stranger.silent, own.silent) == ((WN01,), ())


@pytest.mark.asyncio
@pytest.mark.parametrize("address", ["", "0.0.0.0", "::"])
async def test_a_factory_on_all_addresses_asks_its_peers_and_answers_its_own_host(node: Start, address: str) -> None:
    if address == "::" and not socket.has_ipv6:
        missing("this host has no IPv6")
    first = await node(WN01, vacquery_address=address, vacquery_allow="factories", factories=())
    asked, port = [Peer(WN01, "127.0.0.1")], first.settings.vacquery_port
    stranger = await query("factory", asked, space=SPACE, port=port, deadline=0.1, manner=Manner(source="127.0.0.66"))
    assert (stranger.silent, (await query("factory", asked, space=SPACE, port=port)).silent) == ((WN01,), ())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((address_of(WN02), 0))
        free = one.getsockname()[1]
    await node(WN02, vacquery_port=free)
    first.settings = attrs.evolve(first.settings, factories=(Peer(WN02, address_of(WN02), free),))
    assert (await first.heard()).keys() == {WN02}


@pytest.mark.asyncio
async def test_a_site_can_demand_signatures(node: Start, key_file: Path) -> None:
    signed = {"vacquery_key_file": str(key_file), "vacquery_auth": "require", "udp_timeout_seconds": 0.5}
    first, second = await node(WN01, **signed), await node(WN02, **signed)
    third = await node(WN03, udp_timeout_seconds=0.5)
    assert (await first.heard()).keys() == {WN02}
    assert (await third.heard()).keys() == set()
    await second.heard()
    await second.finder.announce()
    await first.wait_for_news()


@pytest.mark.asyncio
async def test_a_demand_for_signatures_without_a_key_is_refused(node: Start) -> None:
    with pytest.raises(PluginError, match="vacquery_key_file"):
        await node(WN01, vacquery_auth="require")


@pytest.mark.asyncio
async def test_a_taken_port_is_told_with_the_mend(node: Start, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((address_of(WN01), port))
        with pytest.raises(PluginError, match="set another vacquery_port"):
            await node(WN01)


@pytest.mark.asyncio
async def test_changed_settings_are_followed(node: Start) -> None:
    first = await node(WN01, factories=())
    second = await node(WN02)
    assert await first.heard() == {}
    first.settings = attrs.evolve(
        first.settings, factories=second.settings.factories[:2], vacquery_address="127.0.0.99"
    )
    assert (await first.heard()).keys() == {WN02}
    moved = await query("factory", [Peer(WN01, "127.0.0.99")], space=SPACE, port=first.settings.vacquery_port)
    assert moved.silent == ()
    first.settings = attrs.evolve(first.settings, factories=())
    assert await first.heard() == {}


@pytest.mark.asyncio
async def test_settings_that_cannot_be_followed_change_nothing_and_are_told(node: Start, key_file: Path) -> None:
    signed = {"vacquery_key_file": str(key_file), "vacquery_auth": "require"}
    first, _ = await node(WN01, **signed), await node(WN02, **signed)
    first.settings = attrs.evolve(first.settings, factories=first.settings.factories[:2])
    write_no_key(key_file)
    assert (await first.heard()).keys() == {WN02}
    health = first.finder.health()
    assert (health.state, "vacquery_key_file" in health.found) == (HealthState.DEGRADED, True)
    write_key(key_file)
    await first.heard()
    assert first.finder.health().state is HealthState.HEALTHY


@pytest.mark.asyncio
async def test_vacmon_is_told_at_each_poll_and_of_machines_that_ended(node: Start) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as vacmon:
        vacmon.setblocking(False)
        vacmon.bind(("127.0.0.1", 0))
        first = await node(WN01, factories=(), vacmon_hostport=(vacmon.getsockname(),))
        await first.heard()
        told = await told_vacmon(vacmon, 2)
        assert [one["message_type"] for one in told] == ["factory_status", "machinetype_status"]
        assert {one["cookie"] for one in told} == {"0"}
        assert told[0]["daemon_version"].endswith(" vacd-factory")
        ended = machine(state=MachineState.ENDED, outcome=Outcome(200, "Done"), ended=1.0)
        first.view = attrs.evolve(first.view, machines=(ended,))
        await first.heard()
        assert (await told_vacmon(vacmon, 3))[2]["shutdown_message"] == "200 Done"
        await first.heard()
        assert len(await told_vacmon(vacmon, 2)) == 2
        with pytest.raises(BlockingIOError):
            vacmon.recv(65536)


async def told_vacmon(vacmon: socket.socket, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        return [json.loads(await asyncio.get_running_loop().sock_recv(vacmon, 65536)) for _ in range(count)]


@pytest.mark.asyncio
async def test_a_vacmon_that_cannot_be_reached_does_no_harm(
    node: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> list:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    first = await node(WN01, vacmon_hostport=(("vacmon.example.org", 8884),), udp_timeout_seconds=0.2)
    await node(WN02)
    assert (await first.heard()).keys() == {WN02}
    assert "VacMon at vacmon.example.org:8884 cannot be told: no such name" in caplog.text


def test_it_is_offered_by_name() -> None:
    assert [finder.name for finder in vac_peer_finders()] == ["static"]
    assert StaticPeers().health().state is HealthState.HEALTHY
