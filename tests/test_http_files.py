"""What the HTTP service shows a machine, and what it hides from it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from vac_core.factory.web.application import build, plain_address
from vac_core.factory.web.listener import listen
from vac_core.testing import context, machine, settings
from vac_core.testing.guests import FakeGuests

pytestmark = pytest.mark.asyncio

HERE, THERE, NOBODY = "127.0.0.11", "127.0.0.12", "127.0.0.13"


def context_of(slot, **changes):
    made = {
        "user_data": f"#!/bin/sh\necho machine {slot}\n".encode(),
        "machinefeatures": {"total_cpu": "64", "shutdowntime": "1700003600"},
        "jobfeatures": {"allocated_cpu": "4", "mem_limit_MB": "8000"},
        "metadata": {"joboutputs": "http://h/o"},
        "public_keys": ("ssh-ed25519 AAAA one",),
    }
    return context(machine(slot), **{**made, **changes})


@pytest_asyncio.fixture
async def guests(tmp_path):
    known = FakeGuests(tmp_path)
    known.first = known.add(context_of(1), address=HERE, token="first-token")
    known.second = known.add(context_of(2), address=THERE, token="second-token")
    return known


@pytest_asyncio.fixture
async def service(guests):
    listener = await listen(build(guests, settings), "127.0.0.1", 0)
    yield listener
    await listener.close()


@asynccontextmanager
async def asking(service, path, method="GET", source=HERE, **more):
    url = URL(f"http://127.0.0.1:{service.port}{path}", encoded=True)
    connector = aiohttp.TCPConnector(local_addr=(source, 0))
    async with aiohttp.ClientSession(connector=connector) as session, session.request(method, url, **more) as response:
        yield response


async def got(service, path, **more):
    async with asking(service, path, **more) as response:
        return response.status, await response.text()


async def test_a_key_is_plain_text_without_a_newline(service):
    async with asking(service, "/machinefeatures/total_cpu") as response:
        assert (response.status, await response.text()) == (200, "64")
        assert response.content_type == "text/plain"
        assert response.headers["Server"].startswith("Vac/")


async def test_slashes_may_be_doubled(service):
    assert await got(service, "//jobfeatures///mem_limit_MB") == (200, "8000")


@pytest.mark.parametrize("path", ["/machinefeatures", "/machinefeatures/"])
async def test_keys_are_listed_as_links(service, path):
    async with asking(service, path) as response:
        assert response.content_type == "text/html"
        text = await response.text()
    assert '<li><a href="/machines/first-token/machinefeatures/total_cpu">total_cpu</a></li>' in text


async def test_an_unknown_key_is_not_found(service):
    status, text = await got(service, "/machinefeatures/nothing")
    assert (status, text) == (404, "there is nothing here for this machine\n")


async def test_head_says_how_much_there_is(service, guests):
    (guests.first.directory / "joboutputs" / "log").write_bytes(b"12345")
    for path, length in (("/machinefeatures/total_cpu", 2), ("/joboutputs/log", 5)):
        async with asking(service, path, method="HEAD") as response:
            assert response.status == 200
            assert response.content_length == length


async def test_a_token_finds_the_same_from_any_address_that_is_no_machine_s(service):
    assert await got(service, "/machines/second-token/jobfeatures/allocated_cpu", source=NOBODY) == (200, "4")


async def test_a_machine_sees_its_own_metadata_alone(service):
    assert (await got(service, "/latest/user-data"))[1].endswith("machine 1\n")
    assert (await got(service, "/latest/user-data", source=THERE))[1].endswith("machine 2\n")


@pytest.mark.parametrize(
    "path",
    [
        "/machines/second-token/latest/user-data",
        "/machines/second-token/joboutputs/",
        "/machines/",
        "/machines/none/latest/user-data",
        "/machines/%ff%fe/latest/user-data",
        "/machines/%00/latest/user-data",
        "/latest/%ff",
        "/joboutputs/%ff",
        "/../second/joboutputs/x",
        "/joboutputs/../machinefeatures/total_cpu",
        "/joboutputs/%2e%2e/machinefeatures/total_cpu",
        "/joboutputs/..%2f..%2f..%2fsecret",
        "/latest/%2e%2e%2f%2e%2e/joboutputs/log",
        "/machinefeatures/a/b",
        "/machinefeatures/%00",
        "/joboutputs/.hidden",
        "/uploads/x",
        "/metadata/latest/user-data",
        "/latest/" + "x" * 300,
    ],
)
async def test_nothing_else_can_be_reached(service, guests, path):
    (guests.first.directory / "uploads").mkdir()
    (guests.first.directory / "uploads" / "x").touch()
    (guests.first.directory / "joboutputs" / ".hidden").touch()
    assert (await got(service, path))[0] == 404


@pytest.mark.parametrize("path", [b"/machines/\xff\xfe/latest", b"/machinefeatures/\xff", b"/\xff"])
async def test_octets_that_are_no_text_find_nothing(service, path):
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port, local_addr=(HERE, 0))
    writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert (await reader.readline()).split()[1] in {b"400", b"404"}
    writer.close()
    await writer.wait_closed()


async def test_a_stranger_finds_nothing(service):
    status, text = await got(service, "/latest/user-data", source=NOBODY)
    assert (status, text) == (404, "no machine of this factory is known by this address or path\n")


async def test_a_machine_that_has_ended_is_a_stranger(service, guests):
    guests.forget(guests.first)
    assert (await got(service, "/machinefeatures/total_cpu"))[0] == 404
    assert (await got(service, "/machines/first-token/machinefeatures/total_cpu", source=NOBODY))[0] == 404


async def test_a_stranger_that_guesses_is_slowed_and_machines_are_not(service):
    statuses = []
    while 429 not in statuses and len(statuses) < 1000:
        statuses.append((await got(service, f"/machines/guess{len(statuses)}/latest/", source=NOBODY))[0])
    assert statuses[:20] == [404] * 20
    assert statuses[-1] == 429
    assert (await got(service, "/machinefeatures/total_cpu"))[0] == 200


async def test_a_machine_that_floods_is_slowed_and_others_are_not(service):
    url = f"http://127.0.0.1:{service.port}/machinefeatures/total_cpu"
    statuses = []

    async def ask(session):
        for _ in range(120):
            async with session.get(url) as response:
                statuses.append(response.status)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(HERE, 0))) as session:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.gather(*(ask(session) for _ in range(10)))
        seconds = loop.time() - begun
    assert 500 <= statuses.count(200) <= 500 + 100 * seconds + 1
    assert statuses.count(200) + statuses.count(429) == 1200
    assert (await got(service, "/machinefeatures/total_cpu", source=THERE))[0] == 200


async def test_the_openstack_tree_is_served_in_any_version(service):
    assert (await got(service, "/openstack"))[1].splitlines()[-2:] == ["2018-08-27", "latest"]
    async with asking(service, "/openstack/2018-08-27/meta_data.json") as response:
        assert response.content_type == "application/json"
        assert json.loads(await response.text())["meta"] == {"joboutputs": "http://h/o"}
    assert (await got(service, "/openstack/2012-08-10/user_data"))[1].endswith("machine 1\n")
    assert (await got(service, "/openstack/latest/network_data.json"))[0] == 404


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_ec2_tree_can_be_crawled(service, slash):
    assert "public-keys/" in (await got(service, f"/2009-04-04/meta-data{slash}"))[1].splitlines()
    assert await got(service, f"/latest/meta-data/public-keys{slash}") == (200, "0=vac0")
    assert await got(service, f"/latest/meta-data/public-keys/0{slash}") == (200, "openssh-key")
    assert await got(service, "/latest/meta-data/public-keys/0/openssh-key") == (200, "ssh-ed25519 AAAA one")


async def test_a_session_token_is_given_as_ec2_s_readers_insist(service):
    lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
    async with asking(service, "/latest/api/token", method="PUT", headers=lifetime) as response:
        assert response.status == 200
        assert await response.text()
        assert response.headers.items() >= lifetime.items()


async def test_an_empty_vendor_data_is_there_all_the_same(service, guests):
    guests.add(context_of(3, public_keys=()), address=HERE)
    assert await got(service, "/nocloud/vendor-data") == (200, "")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(service, method):
    assert (await got(service, "/joboutputs/x", method=method))[0] == 405


async def test_links_a_machine_has_planted_are_not_followed(service, guests, tmp_path):
    (tmp_path / "secret").write_text("s3cret")
    joboutputs = guests.first.directory / "joboutputs"
    (joboutputs / "link").symlink_to(tmp_path / "secret")
    (joboutputs / "hard").hardlink_to(tmp_path / "secret")
    (joboutputs / "up").symlink_to(tmp_path)
    for name in ("link", "hard", "up", "up/secret"):
        assert (await got(service, f"/joboutputs/{name}"))[0] == 404


@pytest.mark.parametrize(
    ("remote", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8:0:0::1", "2001:db8::1"),
        ("", ""),
        (None, ""),
    ],
)
async def test_addresses_have_one_spelling(remote, plain):
    assert plain_address(remote) == plain
