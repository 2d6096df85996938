"""Putting files into joboutputs: 201 only when the file is safely there, and nobody gets more than the site allows."""

from __future__ import annotations

import asyncio
import errno
import os
from functools import partial

import aiohttp
import pytest
import pytest_asyncio

from vac_core.factory.web.application import build
from vac_core.factory.web.listener import listen
from vac_core.factory.web.refusal import Disk, RefusedError
from vac_core.factory.web.spool import Spool
from vac_core.factory.web.uploads import MOST_AT_ONCE, Uploads
from vac_core.testing import context, machine, settings
from vac_core.testing.guests import FakeGuests

pytestmark = pytest.mark.asyncio

MIB = 1048576
SMALL = settings(joboutputs_max_mb=1, joboutputs_max_files=3)


@pytest.fixture
def guests(tmp_path):
    known = FakeGuests(tmp_path)
    known.first = known.add(context(machine(1)), address="127.0.0.1", token="first")
    return known


@pytest.fixture
def joboutputs(guests):
    return guests.first.directory / "joboutputs"


@pytest_asyncio.fixture
async def service(guests):
    listener = await listen(build(guests, lambda: SMALL), "127.0.0.1", 0)
    yield listener
    await listener.close()


async def put(service, name, body, **more):
    url = f"http://127.0.0.1:{service.port}/joboutputs/{name}"
    async with aiohttp.ClientSession() as session, session.put(url, data=body, **more) as response:
        return response.status, await response.text()


def leftovers(guest):
    return list((guest.directory / "uploads").glob("*"))


async def test_what_is_put_is_there_and_can_be_read_back(service, joboutputs):
    assert await put(service, "shutdown_message", b"200 Success") == (201, "")
    assert (joboutputs / "shutdown_message").read_bytes() == b"200 Success"
    url = f"http://127.0.0.1:{service.port}/joboutputs"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/shutdown_message") as response:
            assert await response.read() == b"200 Success"
        async with session.get(url) as response:
            assert "shutdown_message" in await response.text()


async def test_what_is_put_again_replaces_the_old_and_only_its_room_counts(service, joboutputs):
    for content in (b"a" * 600_000, b"b" * 700_000, b""):
        assert (await put(service, "log", content))[0] == 201
        assert (joboutputs / "log").read_bytes() == content


async def test_a_body_of_unknown_length_is_taken(service, joboutputs):
    async def body():
        for _ in range(10):
            yield b"x" * 50_000

    assert (await put(service, "log", body()))[0] == 201
    assert (joboutputs / "log").stat().st_size == 500_000


async def test_more_files_than_allowed_are_refused_and_the_others_stay(service, joboutputs, guests):
    for name in ("a", "b", "c"):
        assert (await put(service, name, name.encode()))[0] == 201
    status, text = await put(service, "d", b"d")
    assert status == 413
    assert "joboutputs_max_files" in text
    assert (await put(service, "c", b"again"))[0] == 201
    assert sorted(path.name for path in joboutputs.iterdir()) == ["a", "b", "c"]
    assert leftovers(guests.first) == []


async def test_more_octets_than_allowed_are_refused_and_the_old_file_stays(service, joboutputs, guests):
    assert (await put(service, "log", b"small"))[0] == 201
    assert (await put(service, "other", b"x" * 700_000))[0] == 201
    status, text = await put(service, "log", b"x" * 700_000)
    assert status == 413
    assert "joboutputs_max_mb" in text
    assert (joboutputs / "log").read_bytes() == b"small"
    assert leftovers(guests.first) == []


async def test_ten_gigabytes_are_refused_before_they_are_sent(service, guests):
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"PUT /joboutputs/huge HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"413"
    writer.close()
    assert leftovers(guests.first) == []


async def test_a_stream_without_end_is_cut_off_at_the_limit(service, guests, joboutputs):
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 65536
            yield b"x" * 65536

    try:
        status, _ = await put(service, "huge", endless())
        assert status == 413
    except aiohttp.ClientError:
        pass  # the service may have closed while the client was still sending
    assert sent < 64 * MIB
    assert list(joboutputs.iterdir()) == []
    assert leftovers(guests.first) == []


@pytest.mark.parametrize(
    "name", ["..%2fx", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", ".profile", "a%20b", "a/b", "x" * 129, "a%0a"]
)
async def test_names_that_are_no_names_are_refused(service, guests, joboutputs, name):
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(f"PUT /joboutputs/{name} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx".encode())
    assert (await reader.readline()).split()[1] in {b"403", b"404"}
    writer.close()
    assert list(joboutputs.iterdir()) == []
    assert sorted(path.name for path in guests.first.directory.iterdir()) == [
        "jobfeatures", "joboutputs", "machinefeatures", "metadata"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path", ["", "machinefeatures/total_cpu", "latest/user-data", "joboutputs", "nocloud/user-data"]
)
async def test_nothing_can_be_put_elsewhere(service, path):
    url = f"http://127.0.0.1:{service.port}/{path}"
    async with aiohttp.ClientSession() as session, session.put(url, data=b"x") as response:
        assert response.status == 403


async def test_a_directory_in_the_way_is_refused(service, joboutputs):
    (joboutputs / "log").mkdir()
    status, text = await put(service, "log", b"x")
    assert status == 403
    assert "cannot be kept" in text


async def test_a_link_in_the_way_is_replaced_and_not_followed(service, joboutputs, tmp_path):
    (tmp_path / "precious").write_text("precious")
    (joboutputs / "log").symlink_to(tmp_path / "precious")
    assert (await put(service, "log", b"x"))[0] == 201
    assert (tmp_path / "precious").read_text() == "precious"
    assert (joboutputs / "log").read_bytes() == b"x"


async def test_an_upload_that_hangs_ends_and_leaves_nothing(joboutputs, guests):
    listener = await listen(build(guests, lambda: SMALL, upload_seconds=0.2), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"PUT /joboutputs/log HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
    assert (await reader.readline()).split()[1] == b"408"
    writer.close()
    assert list(joboutputs.iterdir()) == []
    assert leftovers(guests.first) == []
    await listener.close()


class Held:
    """A body that gives what it is told to, and an end only when it is let go."""

    def __init__(self, content=b"x"):
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self._content = [content]

    async def read(self, n=-1):
        if self._content:
            return self._content.pop()
        self.begun.set()
        await self.go_on.wait()
        return b""


class Broken:
    async def read(self, n=-1):
        raise ConnectionResetError


class FullDisk(Disk):
    """A disk that has no room left for one step of an upload."""

    def __init__(self, step):
        super().__init__()
        self._step = step

    async def __call__(self, function):
        if isinstance(function, partial) and getattr(function.func, "__name__", "") == self._step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return await super().__call__(function)


@pytest.fixture
def uploads():
    disk = Disk()
    yield Uploads(lambda: SMALL, disk, 60.0)
    disk.close()


async def test_one_machine_s_uploads_together_may_not_pass_the_limit(uploads, guests, joboutputs):
    held = Held(b"x" * 600_000)
    first = asyncio.create_task(uploads.take(guests.first, "a", held, None))
    await held.begun.wait()
    with pytest.raises(RefusedError) as refused:
        await uploads.take(guests.first, "b", Held(b"x" * 600_000), None)
    assert refused.value.status == 413
    held.go_on.set()
    await first
    assert [path.name for path in joboutputs.iterdir()] == ["a"]


async def test_uploads_that_end_together_are_counted_one_after_the_other(uploads, guests, joboutputs):
    held = [Held(b"x" * 250_000) for _ in range(MOST_AT_ONCE)]
    tasks = [asyncio.create_task(uploads.take(guests.first, f"f{n}", one, None)) for n, one in enumerate(held)]
    for one in held:
        await one.begun.wait()
    with pytest.raises(RefusedError) as refused:
        await uploads.take(guests.first, "late", Held(), None)
    assert refused.value.status == 429
    for one in held:
        one.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results].count(RefusedError) == 1
    assert len(list(joboutputs.iterdir())) == SMALL.joboutputs_max_files


async def test_a_machine_that_breaks_off_leaves_nothing(uploads, guests, joboutputs):
    with pytest.raises(RefusedError, match="broke off"):
        await uploads.take(guests.first, "log", Broken(), None)
    assert list(joboutputs.iterdir()) == []
    assert leftovers(guests.first) == []


@pytest.mark.parametrize("step", ["write", "keep"])
async def test_a_full_disk_is_told_and_the_old_file_stays(guests, joboutputs, step):
    (joboutputs / "log").write_bytes(b"old")
    held = Held()
    held.go_on.set()
    disk = FullDisk(step)
    with pytest.raises(RefusedError, match="No space left") as refused:
        await Uploads(lambda: SMALL, disk, 60.0).take(guests.first, "log", held, None)
    disk.close()
    assert refused.value.status == 507
    assert (joboutputs / "log").read_bytes() == b"old"
    assert leftovers(guests.first) == []


async def test_what_a_daemon_left_when_it_died_is_cleared_by_the_next_upload(uploads, guests):
    abandoned = Spool(guests.first.directory)
    abandoned.write(b"half")
    assert len(leftovers(guests.first)) == 1
    held = Held()
    held.go_on.set()
    await uploads.take(guests.first, "log", held, None)
    assert leftovers(guests.first) == []
    abandoned.discard()
