"""cloud-init's own readers, as Debian packages them, must accept the metadata that machines are served."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
import pytest_asyncio
from engines import missing

from vac_core.factory.web.application import build
from vac_core.factory.web.listener import listen
from vac_core.interfaces import ContextFile
from vac_core.testing import context, machine, settings
from vac_core.testing.guests import FakeGuests

HOST_PYTHON = "/usr/bin/python3"
READER = Path(__file__).with_name("cloud_init_reader.py")
DEADLINE_SECONDS = 120
KEYS = ("ssh-ed25519 AAAA one", "ssh-rsa BBBB two")
URLS = {
    "machinefeatures": "http://169.254.169.254/machinefeatures",
    "jobfeatures": "http://169.254.169.254/jobfeatures",
    "joboutputs": "http://169.254.169.254/joboutputs",
}
ON_DISK = ("nocloud", "configdrive")
OVER_HTTP = ("nocloud-net", "openstack", "ec2")

pytestmark = [pytest.mark.system, pytest.mark.asyncio]


@pytest.fixture(scope="module", autouse=True)
def _cloud_init():
    found = Path(HOST_PYTHON).exists() and not subprocess.run(
        [HOST_PYTHON, "-c", "import cloudinit"], check=False, capture_output=True, timeout=DEADLINE_SECONDS
    ).returncode  # fmt: skip
    if not found:
        missing("Debian's cloud-init is not installed: apt-get install cloud-init")


@pytest_asyncio.fixture
async def reading(tmp_path):
    """A function that has a context delivered, and read by cloud-init from one of its data sources."""
    guests = FakeGuests(tmp_path / "machines")
    listener = await listen(build(guests, settings), "127.0.0.1", 0)

    async def read(source, one, base=""):
        guest = guests.add(one, address=None if base else "127.0.0.1", token="token")
        place = guest.directory / "metadata" if source in ON_DISK else f"http://127.0.0.1:{listener.port}{base}"
        process = await asyncio.create_subprocess_exec(
            HOST_PYTHON, READER, source, place, tmp_path / "work", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        output, errors = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
        assert process.returncode == 0, errors.decode()
        return json.loads(output)

    yield read
    await listener.close()


def context_of(slot=1, **changes):
    made = {"user_data": b"#!/bin/sh\necho from the VO\n", "metadata": URLS, "public_keys": KEYS}
    return context(machine(slot), **{**made, **changes})


@pytest.mark.parametrize("source", [*ON_DISK, *OVER_HTTP])
async def test_every_data_source_finds_all_of_a_context(reading, source):
    one = context_of()
    report = await reading(source, one)
    assert report["found"] is True
    assert report["instance_id"] == one.machine_id
    assert report["hostname"] == one.hostname
    assert report["keys"] == list(KEYS)
    assert report["user_data"] == "#!/bin/sh\necho from the VO\n"
    assert report["meta"].items() >= URLS.items()


@pytest.mark.parametrize("source", [*ON_DISK, *OVER_HTTP])
async def test_a_machine_without_keys_is_found_all_the_same(reading, source):
    one = context_of(public_keys=(), user_data=b"")
    report = await reading(source, one)
    assert (report["instance_id"], report["hostname"]) == (one.machine_id, one.hostname)
    assert report["keys"] == []
    assert report["user_data"] == ""


@pytest.mark.parametrize("source", OVER_HTTP)
async def test_the_path_with_a_token_serves_as_a_metadata_url(reading, source):
    one = context_of()
    report = await reading(source, one, base="/machines/token")
    assert (report["instance_id"], report["hostname"]) == (one.machine_id, one.hostname)


async def test_ec2_s_identity_document_agrees(reading):
    one = context_of()
    report = await reading("ec2", one)
    assert report["identity"]["instanceId"] == one.machine_id


async def test_openstack_s_reader_finds_the_ec2_tree_too(reading):
    one = context_of()
    report = await reading("openstack", one)
    assert report["ec2"]["instance-id"] == one.machine_id


@pytest.mark.parametrize("source", ["nocloud", "nocloud-net", "openstack"])
async def test_files_come_as_vendor_data_that_cloud_init_s_schema_accepts(reading, source, tmp_path):
    one = context_of(files=(ContextFile(path="/etc/vo/proxy.pem", content=b"PEM\n", mode=0o600),))
    report = await reading(source, one)
    config = tmp_path / "vendor-data"
    config.write_text(report["vendor_data"])
    checked = await asyncio.create_subprocess_exec(
        "cloud-init", "schema", "--config-file", config, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(checked.communicate(), DEADLINE_SECONDS)
    assert checked.returncode == 0, output.decode()
    [written] = json.loads(report["vendor_data"].partition("\n")[2])["write_files"]
    assert (written["path"], written["permissions"]) == ("/etc/vo/proxy.pem", "0600")


async def test_files_come_with_a_config_drive(reading):
    report = await reading("configdrive", context_of(files=(ContextFile(path="/etc/x", content=b"one"),)))
    assert report["files"] == {"/etc/x": "one"}
