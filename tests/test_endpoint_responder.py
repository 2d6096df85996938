"""The responder on real sockets of the loopback: it answers who may ask, and survives whatever it is sent."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from engines import missing

from vac_core.factory.endpoint import Limits, Responder, Rules
from vac_core.interfaces import PluginError, SpaceView
from vac_core.testing import NOW, space_view
from vac_core.vacquery.messages import (
    MachinetypeStatus,
    MessageError,
    Query,
    QueryKind,
    Refusal,
    StatusChanged,
    decode,
    encode,
)
from vac_core.vacquery.signing import sign, verify

SPACE = "vac01.example.org"
KEY = b"the space's shared key"
VIEW = space_view(lhcb=21.0, atlas=10.5)
QUERY = Query(kind=QueryKind.MACHINETYPES, cookie="c" * 64, space=SPACE)
VECTORS = Path(__file__).parent / "vectors"


class Asker:
    """A socket that sends datagrams to a responder and reads its answers."""

    def __init__(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((address, 0))
        self._target = ("::1" if ":" in address else "127.0.0.1", port)

    def send(self, raw: bytes) -> None:
        self.socket.sendto(raw, self._target)

    async def answers(self, count: int) -> list[bytes]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(10):
            return [await loop.sock_recv(self.socket, 65536) for _ in range(count)]

    async def answered(self, count: int = 2) -> None:
        """Have a good query answered: all that was sent before it has then been dealt with."""
        self.send(encode(QUERY))
        assert len(await self.answers(count)) == count


def loopbacks_of_ipv6() -> list[str]:
    """``::1``, or nothing where the host has no IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
            one.bind(("::1", 0))
    except OSError:
        return []
    return ["::1"]


@contextmanager
def asker(port: int, address: str = "127.0.0.1") -> Iterator[Asker]:
    one = Asker(address, port)
    try:
        yield one
    finally:
        one.socket.close()


@pytest_asyncio.fixture
async def responder() -> AsyncIterator[Responder]:
    one = Responder(Rules(space=SPACE), lambda: VIEW, clock=lambda: NOW)
    yield one
    one.close()


@pytest.mark.asyncio
async def test_a_query_is_answered_with_its_cookie(responder: Responder) -> None:
    with asker(await responder.listen("127.0.0.1", 0)) as peer:
        peer.send(encode(QUERY))
        statuses = [decode(raw) for raw in await peer.answers(2)]
    assert {one.machinetype for one in statuses if isinstance(one, MachinetypeStatus)} == {"lhcb", "atlas"}
    assert {one.cookie for one in statuses} == {QUERY.cookie}
    assert responder.answered == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["vac-factories", "vac-machinetype", "vacd-factory-poll"])
async def test_vac_3s_own_datagrams_are_answered(responder: Responder, name: str) -> None:
    request = json.loads((VECTORS / f"client.{name}.json").read_text("utf-8"))["requests"][0]
    responder.rules = Rules(space=request["parsed"]["space"])
    with asker(await responder.listen("127.0.0.1", 0)) as peer:
        peer.send(request["raw"].encode())
        (raw,) = await peer.answers(1)
    assert json.loads(raw)["cookie"] == request["parsed"]["cookie"]


@pytest.mark.asyncio
async def test_ipv4_and_ipv6_are_answered_where_no_address_is_set(responder: Responder) -> None:
    port = await responder.listen("", 0)
    for address in ("127.0.0.1", "::1"):
        try:
            with asker(port, address) as peer:
                peer.send(encode(QUERY))
                assert len(await peer.answers(2)) == 2
        except OSError as error:
            missing(f"this host has no {address}: {error}")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("raw", "refusal"),
    [
        (b"1", Refusal.NOT_AN_OBJECT),
        (b"null", Refusal.NOT_AN_OBJECT),
        (b"\xff" * 100, Refusal.NOT_JSON),
        (b"[" * 9000, Refusal.NOT_JSON),
        (b" " * 60000, Refusal.TOO_LARGE),
        (b'{"message_type":"factory_query"}', Refusal.WRONG_VALUE),
        (b'{"message_type":"factory_query","cookie":"1","space":NaN}', Refusal.NOT_JSON),
        (b'{"message_type":[],"method":{}}', Refusal.UNKNOWN_MESSAGE),
        (b'{"message_type":"factory_query","cookie":"1","space":"vac02.example.org"}', Refusal.OTHER_SPACE),
        (encode(Query(kind=QueryKind.FACTORY, cookie="1", space=SPACE, to="wn09")), Refusal.OTHER_FACTORY),
        (
            b'{"message_type":"factory_query","space":"vac01.example.org","cookie":"' + b'\\"' * 128 + b'"}',
            Refusal.TOO_LONG_TO_SEND,
        ),
        (encode(StatusChanged(cookie="0", space=SPACE, factory="wn09")), Refusal.NOT_ASKED_FOR),
    ],
)
async def test_junk_is_refused_with_a_count_and_the_next_query_answered(
    responder: Responder, raw: bytes, refusal: Refusal
) -> None:
    with asker(await responder.listen("127.0.0.1", 0)) as peer:
        peer.send(raw)
        peer.send(encode(QUERY))
        answers = await peer.answers(2)
    assert [json.loads(one)["message_type"] for one in answers] == ["machinetype_status"] * 2
    assert responder.refusals == {refusal: 1}


@pytest.mark.asyncio
async def test_an_answer_is_no_query(responder: Responder) -> None:
    with asker(await responder.listen("127.0.0.1", 0)) as peer:
        peer.send(encode(QUERY))
        for raw in await peer.answers(2):
            peer.send(raw)
        await peer.answered()
    assert responder.refusals == {Refusal.NOT_ASKED_FOR: 2}


@pytest.mark.asyncio
async def test_strangers_get_no_answer(responder: Responder) -> None:
    responder.rules = Rules(space=SPACE, allowed=frozenset({"127.0.0.1"}))
    port = await responder.listen("127.0.0.1", 0)
    with asker(port, "127.0.0.66") as stranger, asker(port) as peer:
        stranger.send(encode(QUERY))
        await peer.answered()
        with pytest.raises(BlockingIOError):
            stranger.socket.recv(65536)
    assert responder.refusals == {Refusal.STRANGER: 1}


@pytest.mark.asyncio
async def test_a_flood_from_one_source_leaves_others_answered() -> None:
    limits = Limits(source_rate=0.001, source_burst=10)
    responder = Responder(Rules(space=SPACE), lambda: VIEW, limits=limits, clock=lambda: NOW)
    port = await responder.listen("127.0.0.1", 0)
    with asker(port, "127.0.0.66") as flood, asker(port) as peer:
        for _ in range(200):
            flood.send(encode(QUERY))
        await peer.answered()
        assert len(await flood.answers(10)) == 10
        with pytest.raises(BlockingIOError):
            flood.socket.recv(65536)
    responder.close()
    assert responder.refusals == {Refusal.TOO_MANY: 195}


@pytest.mark.asyncio
async def test_answers_are_signed_where_there_is_a_key(responder: Responder) -> None:
    responder.rules = Rules(space=SPACE, key=KEY)
    with asker(await responder.listen("127.0.0.1", 0)) as peer:
        peer.send(encode(QUERY))
        signatures = {verify(raw, KEY, NOW) for raw in await peer.answers(2)}
    assert len(signatures) == 2


@pytest.mark.asyncio
async def test_unsigned_forged_stale_and_replayed_queries_are_refused_where_signatures_are_required(
    responder: Responder,
) -> None:
    responder.rules = Rules(space=SPACE, key=KEY, require=True)
    good = sign(encode(QUERY), KEY, NOW, "0" * 16)
    bad = {
        Refusal.UNSIGNED: encode(QUERY),
        Refusal.WRONG_SIGNATURE: sign(encode(QUERY), b"a key of somebody else", NOW, "1" * 16),
        Refusal.STALE: sign(encode(QUERY), KEY, NOW - 3600, "2" * 16),
        Refusal.REPLAYED: good,
    }
    with asker(await responder.listen("127.0.0.1", 0)) as peer:
        peer.send(good)
        for raw in bad.values():
            peer.send(raw)
        peer.send(sign(encode(QUERY), KEY, NOW, "3" * 16))
        assert len(await peer.answers(4)) == 4
    assert responder.refusals == dict.fromkeys(bad, 1)
    assert responder.answered == 2


def test_signatures_cannot_be_required_without_a_key() -> None:
    with pytest.raises(ValueError, match="without a key"):
        Rules(space=SPACE, require=True)
    assert "shared" not in repr(Rules(space=SPACE, key=KEY))


@pytest.mark.asyncio
async def test_hints_are_passed_on_with_their_senders_address() -> None:
    heard: list[tuple[StatusChanged, str]] = []

    def news(message: StatusChanged, source: str) -> None:
        if message.factory == "wn09.example.org":
            raise MessageError(Refusal.STRANGER)
        heard.append((message, source))

    hint = StatusChanged(cookie="0", space=SPACE, factory="wn02.example.org")
    responder = Responder(Rules(space=SPACE), lambda: VIEW, news=news, clock=lambda: NOW)
    with asker(await responder.listen("127.0.0.1", 0)) as peer:
        peer.send(encode(hint))
        peer.send(encode(StatusChanged(cookie="0", space="vac02.example.org", factory="wn02.example.org")))
        peer.send(encode(StatusChanged(cookie="0", space=SPACE, factory="wn09.example.org")))
        await peer.answered()
    responder.close()
    assert heard == [(hint, "127.0.0.1")]
    assert responder.refusals == {Refusal.OTHER_SPACE: 1, Refusal.STRANGER: 1}


@pytest.mark.asyncio
async def test_answers_are_dropped_while_the_network_takes_none(responder: Responder) -> None:
    with asker(await responder.listen("127.0.0.1", 0)) as peer:
        responder.pause_writing()
        responder.datagram_received(encode(QUERY), peer.socket.getsockname())
        assert responder.refusals == {Refusal.OVERLOADED: 1}
        responder.resume_writing()
        await peer.answered()
    assert responder.answered == 1


@pytest.mark.asyncio
async def test_it_moves_to_another_port_and_stays_where_it_was_if_it_cannot(responder: Responder) -> None:
    first = await responder.listen("127.0.0.1", 0)
    with pytest.raises(PluginError, match=r"127\.0\.0\.1 port"):
        await responder.listen("127.0.0.1", first)
    with asker(first) as peer:
        await peer.answered()
    second = await responder.listen("127.0.0.1", 0)
    with asker(second) as peer:
        await peer.answered()
    assert second != first


@pytest.mark.asyncio
async def test_the_state_is_read_from_memory_for_each_query() -> None:
    views: Iterator[SpaceView] = iter([space_view(lhcb=1.0), space_view(lhcb=2.0)])
    responder = Responder(Rules(space=SPACE), lambda: next(views), clock=lambda: NOW)
    with asker(await responder.listen("127.0.0.1", 0)) as peer:
        heard: list[Any] = []
        for _ in range(2):
            peer.send(encode(QUERY))
            heard += await peer.answers(1)
    responder.close()
    assert [json.loads(raw)["running_hs06"] for raw in heard] == [1.0, 2.0]
