"""The HTTP service beside a factory: which machine is its guest, and where it is found."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from workshop import Workshop, tell

from vac_core.factory.journal import Journal
from vac_core.factory.maker import ADDRESS
from vac_core.factory.roster import Roster
from vac_core.factory.service import RosterGuests, Service
from vac_core.factory.state_dir import StateDir
from vac_core.model import Happening, Machine, MachineState
from vac_core.testing import NOW, VirtualClock, machine, settings, space_view


def guests(shop: Workshop) -> RosterGuests:
    return RosterGuests(shop.roster, shop.state)


def started(shop: Workshop, slot: int, address: str = "") -> Machine:
    one = shop.plan(slot)
    details = {ADDRESS: address} if address else {}
    return shop.roster.happen(one.id, Happening.CREATED, details=details)


def test_a_machine_is_known_by_its_token_and_by_its_address(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one, other = started(shop, 0, "192.0.2.10"), started(shop, 1)
        known = guests(shop)
        for guest, base in (
            (known.by_token(one.token), f"/machines/{one.token}"),
            (known.by_address("192.0.2.10"), ""),
        ):
            assert guest is not None
            assert (guest.machine_id, guest.directory, guest.http_base) == (one.id, shop.directory(one), base)
        second = known.by_token(other.token)
        assert second is not None
        assert second.machine_id == other.id

    tell(story, tmp_path)


def test_strangers_are_nobodys_guests(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = started(shop, 0)
        known = guests(shop)
        for token in ("", "x", one.token[:-1], one.token + "x", one.token.upper() + "\u00e9", one.id, one.name):
            assert known.by_token(token) is None
        for address in ("", "127.0.0.1", "192.0.2.10", "::1"):
            assert known.by_address(address) is None

    tell(story, tmp_path)


@given(st.text(st.characters(), max_size=60))
@example("\udc80")
def test_no_odd_token_does_any_harm(token: str) -> None:
    journal = Journal(":memory:")
    roster = Roster(journal, VirtualClock())
    roster.plan(machine(state=MachineState.PLANNED, created=NOW), "")
    assert RosterGuests(roster, StateDir(Path("/nonexistent"))).by_token(token) is None
    journal.close()


def test_a_machine_that_has_ended_is_no_guest_any_more(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = started(shop, 0, "192.0.2.10")
        known = guests(shop)
        shop.roster.happen(one.id, Happening.STOP)
        assert known.by_token(one.token) is not None, "it may still leave its outputs"
        shop.roster.happen(one.id, Happening.GONE, ended=shop.clock())
        assert known.by_token(one.token) is None
        assert known.by_address("192.0.2.10") is None

    tell(story, tmp_path)


def test_guests_are_known_again_after_a_restart(tmp_path: Path) -> None:
    async def story(shop: Workshop) -> None:
        one = started(shop, 0, "192.0.2.10")
        again = RosterGuests(Roster(shop.journal, shop.clock), shop.state)
        assert again.by_token(one.token) is not None
        assert again.by_address("192.0.2.10") is not None

    tell(story, tmp_path)


def heartbeats(service: Service, now: float) -> tuple[int, int]:
    """What peers are told of the service, as that of features and that of metadata."""
    told = service.shown(space_view(), now).status
    return told["mjf_heartbeat_time"], told["metadata_heartbeat_time"]


def test_one_snapshot_is_shown_as_one(tmp_path: Path) -> None:
    service, view = Service(), attrs.evolve(space_view(), status={"running_machines": 3})
    shown = service.shown(view, NOW)
    assert shown.status["running_machines"] == 3
    assert service.shown(view, NOW + 1) is shown
    assert service.shown(space_view(), NOW + 1) is not shown


def test_machines_read_their_features_where_the_service_says_it_is(tmp_path: Path) -> None:
    async def story() -> None:
        state, journal = StateDir(tmp_path), Journal(tmp_path / "journal.sqlite")
        state.prepare()
        roster = Roster(journal, VirtualClock())
        one = roster.plan(machine(state=MachineState.PLANNED), "")
        features = state.machine(one.id) / "machinefeatures"
        features.mkdir(parents=True)
        (features / "total_cpu").write_text("8", "ascii")
        service = Service()
        assert service.url == ""
        await service.start(roster, state, settings)
        assert service.trouble is None
        assert service.url.startswith("http://127.0.0.1:")
        assert heartbeats(service, NOW + 5.5) == (int(NOW) + 5, int(NOW) + 5)
        async with aiohttp.ClientSession() as session:
            for token, code in ((one.token, 200), ("wrong", 404)):
                url = f"{service.url}/machines/{token}/machinefeatures/total_cpu"
                async with session.get(url) as response:
                    assert response.status == code
                    assert (await response.text() == "8") == (code == 200)
        await service.close()
        assert heartbeats(service, NOW + 60) == (int(NOW) + 5, int(NOW) + 5)
        journal.close()

    asyncio.run(story())


def test_a_port_that_is_taken_is_a_trouble_and_leaves_the_factory_alone(tmp_path: Path) -> None:
    async def story() -> None:
        journal = Journal(tmp_path / "journal.sqlite")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            service = Service()
            await service.start(Roster(journal, VirtualClock()), StateDir(tmp_path), lambda: settings(http_port=port))
            assert service.trouble is not None
            assert f"cannot serve machines on 127.0.0.1 port {port}: " in service.trouble
            assert "change http_address or http_port" in service.trouble
            assert service.url == ""
            assert heartbeats(service, NOW) == (0, 0)
            await service.listener.open(("127.0.0.1", 0))  # as for machines that look for it at an address of theirs
            assert heartbeats(service, NOW + 1) == (int(NOW) + 1, int(NOW) + 1)
            await service.close()
        journal.close()

    asyncio.run(story())


def no_ipv6_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return True
    return False


@pytest.mark.skipif(no_ipv6_loopback(), reason="this host has no IPv6 loopback")
def test_an_ipv6_address_is_a_url_that_can_be_used(tmp_path: Path) -> None:
    async def story() -> None:
        journal, service = Journal(tmp_path / "journal.sqlite"), Service()
        await service.start(Roster(journal, VirtualClock()), StateDir(tmp_path), lambda: settings(http_address="::1"))
        assert service.url.startswith("http://[::1]:")
        await service.close()
        journal.close()

    asyncio.run(story())
