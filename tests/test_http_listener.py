"""Letting the HTTP service listen, and keeping one address from taking all its connections."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.factory.web.allowance import Allowance
from vac_core.factory.web.application import build
from vac_core.factory.web.connection import MOST_CONNECTIONS
from vac_core.factory.web.listener import ListenError, listen
from vac_core.testing import context, machine, settings
from vac_core.testing.guests import FakeGuests


async def connected(port, source):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(b"GET /machinefeatures/ HTTP/1.1\r\nHost: h\r\n\r\n")
    return (await reader.readline()).split()[1:2], writer


async def end(*connections):
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()


@pytest.mark.asyncio
async def test_one_address_may_hold_only_so_many_connections(tmp_path):
    guests = FakeGuests(tmp_path)
    for address in ("127.0.0.21", "127.0.0.22"):
        guests.add(context(machine()), address=address)
    listener = await listen(build(guests, settings), "127.0.0.1", 0)
    held = [await connected(listener.port, "127.0.0.21") for _ in range(MOST_CONNECTIONS)]
    assert [status for status, _ in held] == [[b"200"]] * MOST_CONNECTIONS
    refused = await connected(listener.port, "127.0.0.21")
    other = await connected(listener.port, "127.0.0.22")
    assert (refused[0], other[0]) == ([], [b"200"])
    await end(*held, refused, other)
    again = await connected(listener.port, "127.0.0.21")
    assert again[0] == [b"200"]
    await end(again)
    await listener.close()


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_told_with_its_options(tmp_path):
    first = await listen(build(FakeGuests(tmp_path), settings), "127.0.0.1", 0)
    with pytest.raises(ListenError, match=f"127.0.0.1 port {first.port}.*change http_address or http_port"):
        await listen(build(FakeGuests(tmp_path), settings), "127.0.0.1", first.port)
    await first.close()


@pytest.mark.asyncio
async def test_what_is_not_http_is_answered_with_an_error(tmp_path):
    listener = await listen(build(FakeGuests(tmp_path), settings), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"\x16\x03\x01\x00 not http\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"400"
    writer.close()
    await listener.close()


@given(st.lists(st.floats(0.0, 10.0), max_size=200))
def test_nobody_asks_more_often_than_allowed(pauses):
    allowance = Allowance(per_second=2.0, burst=5)
    now, asked = 100.0, 0
    for pause in pauses:
        now += pause
        asked += allowance.take("one", now)
    assert asked <= 5 + 2.0 * (now - 100.0)


def test_an_allowance_fills_again_and_others_have_their_own():
    allowance = Allowance(per_second=1.0, burst=2)
    assert [allowance.take("one", 0.0) for _ in range(3)] == [True, True, False]
    assert allowance.take("other", 0.0)
    assert not allowance.take("one", 0.9)
    assert allowance.take("one", 1.1)


def test_a_flood_of_made_up_askers_is_forgotten():
    allowance = Allowance(per_second=0.0, burst=1, most=2)
    assert [allowance.take(asker, 0.0) for asker in ("a", "b", "a")] == [True, True, False]
    assert allowance.take("c", 0.0)  # b asked longest ago, and makes room
    assert not allowance.take("a", 0.0)
    assert allowance.take("b", 0.0)
