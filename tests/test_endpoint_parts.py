"""The parts of the endpoint: limits for each sender, addresses, the key's file, and pace."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.config.read import Peer
from vac_core.factory.endpoint.key import read_key
from vac_core.factory.endpoint.limits import Limits, Meter
from vac_core.factory.endpoint.names import FRESH_SECONDS, AddressBook
from vac_core.factory.endpoint.pace import Paced
from vac_core.factory.endpoint.sockets import listening, plain_address
from vac_core.interfaces import PluginError
from vac_core.testing import run_virtual
from vac_core.vacquery.messages import MessageError, Refusal

NAMED = Peer("wn02.example.org", "wn02.example.org")


def passes(meter: Meter, source: str, cost: float, now: float) -> bool:
    with contextlib.suppress(MessageError):
        meter.take(source, cost, now)
        return True
    return False


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 8)), max_size=100))
def test_a_source_never_gets_more_than_its_burst_and_rate(takes: list[tuple[float, int]]) -> None:
    meter = Meter(Limits(source_rate=5, source_burst=10))
    now, taken = 0.0, 0
    for pause, cost in takes:
        now += pause
        taken += cost * passes(meter, "192.0.2.1", cost, now)
    assert taken <= 10 + 5 * now + 1e-6


def test_one_source_in_a_flood_does_not_use_up_anothers_part() -> None:
    meter = Meter(Limits(source_rate=1, source_burst=3))
    assert [passes(meter, "192.0.2.1", 1, 0.0) for _ in range(4)] == [True, True, True, False]
    assert passes(meter, "192.0.2.2", 1, 0.0)
    assert passes(meter, "192.0.2.1", 1, 1.0)


def test_all_sources_together_are_bounded() -> None:
    meter = Meter(Limits(total_rate=0, total_burst=50))
    assert sum(passes(meter, f"192.0.2.{number}", 1, 0.0) for number in range(100)) == 50
    with pytest.raises(MessageError) as caught:
        meter.take("192.0.2.200", 1, 0.0)
    assert caught.value.refusal is Refusal.OVERLOADED


def test_the_addresses_of_one_ipv6_network_are_one_source() -> None:
    meter = Meter(Limits(source_rate=0, source_burst=1))
    assert passes(meter, "2001:db8::1", 1, 0.0)
    assert not passes(meter, "2001:db8::2", 1, 0.0)
    assert passes(meter, "2001:db8:0:1::1", 1, 0.0)


def test_the_source_that_was_silent_longest_is_forgotten() -> None:
    meter = Meter(Limits(source_rate=0, source_burst=1, sources=2))
    assert all(passes(meter, source, 1, 0.0) for source in ("192.0.2.1", "192.0.2.2", "192.0.2.3"))
    assert not passes(meter, "192.0.2.3", 1, 0.0)
    assert passes(meter, "192.0.2.1", 1, 0.0)


@pytest.mark.parametrize(
    ("address", "plain"),
    [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"), ("::1", "::1")],
)
def test_an_address_is_known_however_a_socket_writes_it(address: str, plain: str) -> None:
    assert plain_address(address) == plain


class Names:
    """A name service that answers, fails or hangs as a test wants it."""

    def __init__(self) -> None:
        self.asked = 0
        self.works = True
        self.release = threading.Event()
        self.release.set()

    def __call__(self, host: str, port: int) -> Sequence[tuple[socket.AddressFamily, Any]]:
        self.asked += 1
        self.release.wait()
        if not self.works:
            raise OSError("no name service")
        return [(socket.AF_INET, ("192.0.2.2", port)), (socket.AF_INET, ("192.0.2.2", port))]


@pytest.mark.asyncio
async def test_a_name_is_looked_up_once_in_a_while() -> None:
    names, now = Names(), [0.0]
    book = AddressBook(names, lambda: now[0])
    first = await book.of(NAMED, 995)
    assert [(one.family, one.target) for one in first] == [(socket.AF_INET, ("192.0.2.2", 995))]
    assert await book.of(NAMED, 995) == first
    assert names.asked == 1
    now[0] = FRESH_SECONDS + 1
    assert await book.of(NAMED, 995) == first
    assert names.asked == 2
    assert book.hosts([NAMED], 995) == {"wn02.example.org": frozenset({"192.0.2.2"})}


@pytest.mark.asyncio
async def test_an_address_outlives_the_name_service() -> None:
    names, now = Names(), [0.0]
    book = AddressBook(names, lambda: now[0])
    names.works = False
    with pytest.raises(OSError, match="no name service"):
        await book.of(NAMED, 995)
    assert book.hosts([NAMED], 995) == {"wn02.example.org": frozenset()}
    names.works = True
    first = await book.of(NAMED, 995)
    names.works, now[0] = False, FRESH_SECONDS + 1
    assert await book.of(NAMED, 995) == first


@pytest.mark.asyncio
async def test_a_name_service_that_hangs_does_not_hold_up_the_loop() -> None:
    names = Names()
    names.release.clear()
    looking = asyncio.create_task(AddressBook(names).of(NAMED, 995))
    numeric = await AddressBook(names).of(Peer("wn03", "127.0.0.3", 1995), 995)
    assert numeric[0].target == ("127.0.0.3", 1995)
    assert not looking.done()
    names.release.set()
    assert (await looking)[0].host == "192.0.2.2"


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["a" * 64 + ".example.org", "a..b", "\ud800"])
async def test_a_name_that_cannot_be_one_is_an_error_like_any_other(host: str) -> None:
    with pytest.raises(OSError, match=r"(?i)name|label"):
        await AddressBook().of(Peer("wn02", host), 995)


def test_a_port_that_is_taken_is_told_with_the_mend() -> None:
    with listening("127.0.0.1", 0) as first:
        with pytest.raises(PluginError, match="vacquery_port"):
            listening("127.0.0.1", first.getsockname()[1])
        assert first.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > 0


def test_an_address_of_another_host_is_told_with_the_mend() -> None:
    with pytest.raises(PluginError, match="mend vacquery_address"):
        listening("192.0.2.1", 0)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    path.chmod(0o600)
    return path


def test_a_key_is_read_without_the_white_space_around_it(key_file: Path) -> None:
    assert read_key(str(key_file)) == b"0123456789abcdef0123456789abcdef"
    assert read_key(None) is None


def test_a_key_that_others_can_read_is_refused(key_file: Path) -> None:
    key_file.chmod(0o644)
    with pytest.raises(PluginError, match="chmod 600"):
        read_key(str(key_file))


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 5000])
def test_a_key_of_a_wrong_length_is_refused_and_not_shown(key_file: Path, content: bytes) -> None:
    key_file.write_bytes(content)
    with pytest.raises(PluginError, match="openssl rand") as caught:
        read_key(str(key_file))
    assert not content or content.decode() not in str(caught.value)


def test_a_key_that_is_not_there_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"vacquery_key_file .*/none cannot be read"):
        read_key(str(tmp_path / "none"))
    with pytest.raises(PluginError, match="vacquery_key_file"):
        read_key(str(tmp_path))


def test_what_is_paced_runs_at_once_then_not_too_often_and_never_misses_the_last() -> None:
    runs: list[float] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        paced = Paced(lambda: runs.append(loop.time() - began), 1.0)
        paced.poke()
        paced.poke()
        paced.poke()
        await asyncio.sleep(5.0)
        paced.poke()
        paced.poke()
        paced.cancel()
        await asyncio.sleep(5.0)

    run_virtual(story())
    assert runs == pytest.approx([0.0, 1.0, 5.0])
