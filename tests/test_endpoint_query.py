"""Asking real responders on the loopback: a poll ends when all have answered, and nothing a peer does breaks it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import attrs
import pytest
import pytest_asyncio
from engines import missing

from vac_core.config.read import Peer
from vac_core.factory.endpoint import AddressBook, Manner, Replies, Responder, Rules, query
from vac_core.interfaces import SpaceView
from vac_core.testing import machine, space_view
from vac_core.vacquery.messages import FactoryStatus, MachineStatus, Query, Refusal, decode, encode
from vac_core.vacquery.signing import sign

SPACE = "vac01.example.org"
KEY = b"the space's shared key"
LONG = 30.0

Start = Callable[..., Awaitable[Peer]]
Reply = Callable[[Query, int], list[bytes]]


class Peculiar(asyncio.DatagramProtocol):
    """A factory that answers in a way of its own: ``reply`` is given the query and how many came before it."""

    def __init__(self, reply: Reply) -> None:
        self.asked = 0
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = decode(data)
        assert isinstance(question, Query)
        for raw in self._reply(question, self.asked):
            self._transport.sendto(raw, addr)
        self.asked += 1


@pytest_asyncio.fixture
async def factory() -> AsyncIterator[Start]:
    """Starts responders of factories."""
    started: list[Responder] = []

    async def start(name: str, view: SpaceView | None = None, *, address: str = "127.0.0.1", **rules: object) -> Peer:
        seen = view or space_view(name, lhcb=10.5, atlas=0.0)
        responder = Responder(Rules(**{"space": SPACE, **rules}), lambda: seen)
        started.append(responder)
        return Peer(name, address, await responder.listen(address, 0))

    yield start
    for responder in started:
        responder.close()


@pytest_asyncio.fixture
async def peculiar() -> AsyncIterator[Callable[[str, Reply], Awaitable[tuple[Peer, Peculiar]]]]:
    """Starts factories that answer in ways of their own."""
    started: list[asyncio.DatagramTransport] = []

    async def start(name: str, reply: Reply) -> tuple[Peer, Peculiar]:
        loop = asyncio.get_running_loop()
        transport, one = await loop.create_datagram_endpoint(lambda: Peculiar(reply), ("127.0.0.1", 0))
        started.append(transport)
        return Peer(name, "127.0.0.1", transport.get_extra_info("sockname")[1]), one

    yield start
    for transport in started:
        transport.close()


async def machinetypes(*peers: Peer, deadline: float = LONG, **manner: object) -> Replies:
    return await query("machinetypes", peers, space=SPACE, deadline=deadline, manner=Manner(**manner))


def one_answer(question: Query, **changes: object) -> bytes:
    status = FactoryStatus(cookie=question.cookie, space=SPACE, factory=question.to)
    return encode(attrs.evolve(status, **changes))


@pytest.mark.asyncio
async def test_a_poll_has_every_factorys_whole_answer(factory: Start) -> None:
    peers = [await factory(f"wn{number:02}.example.org") for number in range(2, 42)]
    async with asyncio.timeout(LONG / 2):  # it does not wait for its deadline
        replies = await machinetypes(*peers)
    assert set(replies.statuses) == {peer.name for peer in peers}
    assert {len(statuses) for statuses in replies.statuses.values()} == {2}
    assert (replies.silent, replies.partial, replies.refusals) == ((), (), {})


@pytest.mark.asyncio
async def test_factories_and_machines_can_be_asked_for_too(factory: Start) -> None:
    view = attrs.evolve(space_view("wn02.example.org"), machines=(machine(0), machine(1)))
    peer = await factory("wn02.example.org", view)
    about = await query("factory", [peer], space=SPACE, deadline=LONG)
    slots = await query("machines", [peer], space=SPACE, deadline=LONG)
    assert [type(one) for one in about.statuses[peer.name]] == [FactoryStatus]
    assert [type(one) for one in slots.statuses[peer.name]] == [MachineStatus] * 2


@pytest.mark.asyncio
async def test_a_factory_with_nothing_to_tell_is_not_silent(factory: Start) -> None:
    peer = await factory("wn02.example.org", space_view("wn02.example.org"))
    async with asyncio.timeout(LONG / 2):
        replies = await machinetypes(peer)
    assert replies.statuses == {peer.name: ()}
    assert replies.silent == ()


@pytest.mark.asyncio
async def test_ipv6_peers_are_asked(factory: Start) -> None:
    try:
        peer = await factory("wn02.example.org", address="::1")
    except Exception as error:  # noqa: BLE001 - whatever hinders it, the host has no IPv6
        missing(f"this host has no ::1: {error}")
    replies = await machinetypes(peer, await factory("wn03.example.org"))
    assert set(replies.statuses) == {"wn02.example.org", "wn03.example.org"}


@pytest.mark.asyncio
async def test_a_silent_factory_is_named_at_the_deadline(factory: Start, peculiar) -> None:
    there = await factory("wn02.example.org")
    gone, _ = await peculiar("wn03.example.org", lambda question, before: [])
    replies = await machinetypes(there, gone, deadline=1.0)
    assert set(replies.statuses) == {there.name}
    assert replies.silent == (gone.name,)
    assert replies.seconds >= 0.2


@pytest.mark.asyncio
async def test_a_lapsed_factory_is_not_waited_for_until_the_deadline(factory: Start, peculiar) -> None:
    there = await factory("wn02.example.org")
    gone, asked = await peculiar("wn03.example.org", lambda question, before: [])
    async with asyncio.timeout(LONG / 2):
        replies = await machinetypes(there, gone, lapsed=(gone.name,), lapsed_seconds=0.05)
    assert (set(replies.statuses), replies.silent) == ({there.name}, (gone.name,))
    assert asked.asked == 1


@pytest.mark.asyncio
async def test_a_factory_is_asked_again_when_its_answer_was_lost(peculiar) -> None:
    def second_time(question: Query, before: int) -> list[bytes]:
        return [one_answer(question)] if before else []

    peer, asked = await peculiar("wn02.example.org", second_time)
    replies = await query("factory", [peer], space=SPACE, deadline=4.0)
    assert set(replies.statuses) == {peer.name}
    assert asked.asked == 2


@pytest.mark.asyncio
async def test_part_of_an_answer_is_kept_and_named_as_such(peculiar) -> None:
    def first_slot(question: Query, before: int) -> list[bytes]:
        head = {"cookie": question.cookie, "space": SPACE, "factory": question.to}
        return [encode(MachineStatus(**head, num_machines=2, machine="wn02-00.example.org", state="Running"))]

    peer, _ = await peculiar("wn02.example.org", first_slot)
    replies = await query("machines", [peer], space=SPACE, deadline=0.2)
    assert len(replies.statuses[peer.name]) == 1
    assert (replies.partial, replies.silent) == ((peer.name,), ())


@pytest.mark.asyncio
async def test_junk_and_forgeries_are_refused_with_a_count(factory: Start, peculiar) -> None:
    def hostile(question: Query, before: int) -> list[bytes]:
        return [
            b"1",
            b"null",
            b"\xff",
            one_answer(question, factory="wn03.example.org"),
            one_answer(question, cookie="0"),
            one_answer(question, space="vac02.example.org"),
            encode(question),
        ]

    peer, _ = await peculiar("wn02.example.org", hostile)
    there = await factory("wn03.example.org")
    replies = await query("factory", [peer, there], space=SPACE, deadline=0.5)
    assert (set(replies.statuses), replies.silent) == ({there.name}, (peer.name,))
    refusals = {
        Refusal.NOT_AN_OBJECT,
        Refusal.NOT_JSON,
        Refusal.UNKNOWN_COOKIE,
        Refusal.OTHER_SPACE,
        Refusal.NOT_ASKED_FOR,
    }
    assert set(replies.refusals) == refusals


@pytest.mark.asyncio
async def test_a_factory_without_an_address_holds_nobody_up(factory: Start) -> None:
    def fails(host: str, port: int) -> list:
        raise OSError("no such name")

    there, nowhere = await factory("wn02.example.org"), Peer("wn03.example.org", "wn03.example.org")
    async with asyncio.timeout(LONG / 2):
        replies = await machinetypes(there, nowhere, book=AddressBook(fails))
    assert set(replies.statuses) == {there.name}
    assert (replies.silent, replies.unknown) == ((nowhere.name,), {nowhere.name: "no such name"})


@pytest.mark.asyncio
async def test_a_space_that_requires_signatures_answers_and_believes_only_signed_messages(
    factory: Start, peculiar
) -> None:
    ours = await factory("wn02.example.org", key=KEY, require=True)
    keyless = await factory("wn03.example.org")
    forger, _ = await peculiar(
        "wn04.example.org", lambda question, _: [sign(one_answer(question), b"not the space's key", 0, "0" * 16)]
    )
    manner = Manner(require=True)
    peers = [ours, keyless, forger]
    replies = await query("factory", peers, space=SPACE, deadline=0.5, key=KEY, manner=manner)
    assert set(replies.statuses) == {ours.name}
    assert replies.silent == (keyless.name, forger.name)
    assert set(replies.refusals) == {Refusal.UNSIGNED, Refusal.WRONG_SIGNATURE}
    unsigned = await query("factory", [ours], space=SPACE, deadline=0.1)
    assert unsigned.silent == (ours.name,)


@pytest.mark.asyncio
async def test_signatures_cannot_be_required_without_a_key() -> None:
    with pytest.raises(ValueError, match="without a key"):
        await machinetypes(Peer("wn02.example.org", "127.0.0.1", 9), require=True)


@pytest.mark.asyncio
async def test_it_asks_from_the_address_it_is_told(factory: Start) -> None:
    peer = await factory("wn02.example.org", allowed=frozenset({"127.0.0.77"}))
    assert (await machinetypes(peer, source="127.0.0.77")).silent == ()
    assert (await machinetypes(peer, deadline=0.05)).silent == (peer.name,)


@pytest.mark.asyncio
async def test_nobody_to_ask_is_an_empty_space() -> None:
    assert await machinetypes() == Replies(statuses={})
