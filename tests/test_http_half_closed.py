"""A machine that closes its side after asking, as ``printf ... | nc`` does, is answered if its request is whole."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from vac_core.factory.web.application import build
from vac_core.factory.web.listener import listen
from vac_core.testing import context, machine, settings
from vac_core.testing.guests import FakeGuests

pytestmark = pytest.mark.asyncio

DEADLINE = 60.0
"""Far less than an upload may take: a connection that is kept for a body that never comes is found out."""
LARGE = b"x" * 3_000_000
GET = b"GET /machinefeatures/ HTTP/1.1\r\nHost: h\r\n\r\n"


def put(length: int, *headers: bytes) -> bytes:
    lines = [b"PUT /joboutputs/log HTTP/1.1", b"Host: h", b"Content-Length: %d" % length, *headers]
    return b"\r\n".join([*lines, b"", b""])


@pytest.fixture
def guest(tmp_path):
    known = FakeGuests(tmp_path)
    known.first = known.add(context(machine(1)), address="127.0.0.1")
    return known


@pytest.fixture
def log(guest):
    return guest.first.directory / "joboutputs" / "log"


@pytest_asyncio.fixture
async def connection(guest):
    listener = await listen(build(guest, settings), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    yield reader, writer
    writer.close()
    await listener.close()


async def told_last(connection, octets: bytes) -> bytes:
    """Send this, close this side, and return all that comes until the service closes the other."""
    reader, writer = connection
    writer.write(octets)
    writer.write_eof()
    async with asyncio.timeout(DEADLINE):
        return await reader.read()


async def test_a_question_is_answered_and_then_the_connection_closed(connection):
    answer = await told_last(connection, GET)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"</ul>\n")


async def test_what_is_no_http_is_answered_too(connection):
    assert (await told_last(connection, b"\x16\x03\x01\x00 not http\r\n\r\n")).split()[1] == b"400"


@pytest.mark.parametrize("body", [b"", b"200 Success", LARGE])
async def test_a_whole_upload_is_taken(connection, log, body):
    assert (await told_last(connection, put(len(body)) + body)).split()[1] == b"201"
    assert log.read_bytes() == body


async def test_a_whole_upload_of_unknown_length_is_taken(connection, log):
    head = put(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    assert (await told_last(connection, head + b"3\r\n200\r\n0\r\n\r\n")).split()[1] == b"201"
    assert log.read_bytes() == b"200"


CUT_OFF = {
    "a body": put(1000) + b"200 Succ",
    "a large body": put(len(LARGE) + 1) + LARGE,
    "chunks": put(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"3\r\n200\r\n",
    "headers": GET[:-2],
    "nothing": b"",
}


@pytest.mark.parametrize("sent", CUT_OFF.values(), ids=CUT_OFF)
async def test_what_is_cut_off_is_not_answered_nor_kept(connection, guest, log, sent):
    assert await told_last(connection, sent) == b""
    assert not log.exists()


async def test_an_upload_that_is_cut_off_in_its_midst_is_not_answered_nor_kept(connection, log):
    reader, writer = connection
    writer.write(put(1000, b"Expect: 100-continue"))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert await told_last(connection, b"200 Succ") == b""
    assert not log.exists()


async def test_a_connection_that_waits_for_another_question_is_closed(connection):
    reader, writer = connection
    writer.write(put(0))
    await reader.readuntil(b"\r\n\r\n")
    assert await told_last(connection, b"") == b""
