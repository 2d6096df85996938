"""The HTTP service listens where machines look for it, also before their network is there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from vac_core.factory.calls import ThreadCalls
from vac_core.factory.doors import GuestDoors
from vac_core.factory.web.application import build
from vac_core.factory.web.listener import Door, Listener, ready
from vac_core.interfaces import PluginError
from vac_core.model import Machine
from vac_core.testing import FakeHypervisor, context, machine, settings
from vac_core.testing.guests import FakeGuests


class Served(FakeHypervisor):
    """One whose machines look for the service where the test says."""

    def __init__(self, *doors: Door) -> None:
        super().__init__()
        self.doors: Sequence[Door] = doors
        self.trouble: Exception | None = None

    def service_addresses(self) -> Sequence[Door]:
        if self.trouble is not None:
            raise self.trouble
        return self.doors

    def address_of(self, machine: Machine) -> str:
        return f"192.0.2.{machine.slot + 1}"


def free_port(address: str = "127.0.0.1") -> int:
    with socket.create_server((address, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def listening(tmp_path: Path, hypervisor: FakeHypervisor) -> tuple[GuestDoors, Listener]:
    guests = FakeGuests(tmp_path)
    guests.add(context(machine()), address="127.0.0.1")
    listener = await ready(build(guests, settings))
    return GuestDoors(listener, [hypervisor, FakeHypervisor()], ThreadCalls()), listener


async def status(address: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(address, port, local_addr=("127.0.0.1", 0))
    writer.write(b"GET /latest/ HTTP/1.1\r\nHost: h\r\n\r\n")
    line = await reader.readline()
    writer.close()
    return line.split()[1]


@pytest.mark.asyncio
async def test_machines_are_served_at_every_door(tmp_path: Path) -> None:
    port = free_port()
    doors, listener = await listening(tmp_path, Served(("127.0.0.1", port), ("127.0.0.9", port)))
    await doors.attend()
    await doors.attend()
    assert doors.troubles == {}
    assert [await status(address, port) for address in ("127.0.0.1", "127.0.0.9")] == [b"200", b"200"]
    await listener.close()


@pytest.mark.asyncio
async def test_an_address_that_is_not_up_yet_is_listened_on_all_the_same(tmp_path: Path) -> None:
    door = ("169.254.77.77", free_port())
    doors, listener = await listening(tmp_path, Served(door))
    await doors.attend()
    assert doors.troubles == {}
    assert listener.doors == {door}
    await listener.close()


@pytest.mark.asyncio
async def test_a_door_that_is_wanted_no_more_is_shut_and_others_stay(tmp_path: Path) -> None:
    first, second = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
    hypervisor = Served(first, second)
    doors, listener = await listening(tmp_path, hypervisor)
    await doors.attend()
    hypervisor.doors = (second,)
    await doors.attend()
    assert listener.doors == {second}
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await status(*first)
    hypervisor.trouble = PluginError("it cannot say")
    await doors.attend()
    assert await status(*second) == b"200", "what is open stays open"
    assert "it cannot say" in doors.troubles["http service of fake"]
    await listener.close()


@pytest.mark.asyncio
async def test_a_door_that_another_holds_is_a_trouble_until_it_is_free(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        doors, listener = await listening(tmp_path, Served(("127.0.0.1", port)))
        await doors.attend()
        assert "end what listens there" in doors.troubles[f"http service at 127.0.0.1 port {port}"]
    await doors.attend()
    assert doors.troubles == {}
    assert await status("127.0.0.1", port) == b"200"
    await listener.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("door", [("nowhere", 80), ("127.0.0.1", 70000), ("127.0.0.1", "http"), (None, None)])
async def test_nonsense_is_no_door(tmp_path: Path, door: Door) -> None:
    doors, listener = await listening(tmp_path, Served(door))
    await doors.attend()
    assert len(doors.troubles) == 1
    assert listener.doors == frozenset()
    await listener.close()
