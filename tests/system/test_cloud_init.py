"""cloud-init's own readers, as Debian packages them, must accept the metadata that machines are served."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pycdlib
import pytest
import pytest_asyncio
from engines import missing

from vac_core.context.delivery import DELIVERIES
from vac_core.context.seed import seed_image
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
IMAGES = {"nocloud image": "nocloud", "configdrive image": "configdrive"}
OVER_HTTP = ("nocloud-net", "openstack", "ec2")
SECRET = ContextFile(path="/etc/vo/proxy.pem", content=b"PEM\n", mode=0o600)

pytestmark = [pytest.mark.system, pytest.mark.asyncio]


@pytest.fixture(scope="module", autouse=True)
def _cloud_init():
    found = Path(HOST_PYTHON).exists() and not subprocess.run(
        [HOST_PYTHON, "-c", "import cloudinit"], check=False, capture_output=True, timeout=DEADLINE_SECONDS
    ).returncode  # fmt: skip
    if not found:
        missing("Debian's cloud-init is not installed: apt-get install cloud-init")


def unpacked(source, one, to):
    """Where a seed image is laid out, as if it were mounted."""
    delivery = DELIVERIES[IMAGES[source]]
    root = to / "nocloud" if IMAGES[source] == "nocloud" else to
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(seed_image(one, delivery)))
    for directory, _, names in iso.walk(rr_path="/"):
        place = root / directory.lstrip("/")
        place.mkdir(parents=True)
        for name in names:
            iso.get_file_from_iso(place / name, rr_path=f"{directory.rstrip('/')}/{name}")
    iso.close()
    return to


@pytest_asyncio.fixture
async def reading(tmp_path):
    """A function that has a context delivered, and read by cloud-init from one of its data sources."""
    guests = FakeGuests(tmp_path / "machines")
    listener = await listen(build(guests, settings), "127.0.0.1", 0)

    async def read(source, one, base="", delivery=None):
        guest = guests.add(one, address=None if base else "127.0.0.1", token="token", delivery=delivery)
        place = f"http://127.0.0.1:{listener.port}{base}"
        if source in IMAGES:
            source, place = IMAGES[source], unpacked(source, one, tmp_path / "image")
        elif source in ON_DISK:
            place = guest.directory / "metadata"
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


@pytest.mark.parametrize("source", [*ON_DISK, *IMAGES, *OVER_HTTP])
async def test_every_data_source_finds_all_of_a_context(reading, source):
    one = context_of()
    report = await reading(source, one)
    assert report["found"] is True
    assert report["instance_id"] == one.machine_id
    assert report["hostname"] == one.hostname
    assert report["keys"] == list(KEYS)
    assert report["user_data"] == "#!/bin/sh\necho from the VO\n"
    assert report["meta"].items() >= URLS.items()


@pytest.mark.parametrize("source", [*ON_DISK, *IMAGES, *OVER_HTTP])
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


@pytest.mark.parametrize("source", [*ON_DISK, *IMAGES, "nocloud-net", "openstack"])
async def test_what_the_site_adds_comes_as_vendor_data(reading, source, tmp_path):
    one = context_of(environment={"JOBOUTPUTS": URLS["joboutputs"]}, files=(SECRET,))
    report = await reading(source, one)
    assert [kind for kind, _ in report["user_parts"]] == ["text/x-shellscript"]
    await check_additions(report["vendor_parts"], tmp_path)


async def test_what_the_site_adds_is_joined_to_ec2_s_user_data(reading, tmp_path):
    one = context_of(environment={"JOBOUTPUTS": URLS["joboutputs"]}, files=(SECRET,))
    report = await reading("ec2", one, delivery=DELIVERIES["ec2"])
    script, *additions = report["user_parts"]
    assert script == ["text/x-shellscript", "#!/bin/sh\necho from the VO\n"]
    await check_additions(additions, tmp_path)


async def check_additions(parts, tmp_path):
    """The boothook has all, and cloud-init's own schema has nothing against the configuration."""
    (hook, script), (config, text) = parts
    assert (hook, config) == ("text/cloud-boothook", "text/cloud-config")
    assert script.startswith("#cloud-boothook\n#!/bin/sh\n")
    assert "put 0600 /etc/vo/proxy.pem <<'.'\nUEVNCg==\n.\n" in script
    assert "JOBOUTPUTS=http://169.254.169.254/joboutputs" in script
    path = tmp_path / "config"
    path.write_text(text)
    checked = await asyncio.create_subprocess_exec(
        "cloud-init", "schema", "--config-file", path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(checked.communicate(), DEADLINE_SECONDS)
    assert checked.returncode == 0, output.decode()


async def test_user_data_that_is_mime_keeps_its_parts_on_ec2(reading):
    own = MIMEMultipart()
    own.attach(MIMEText("runcmd: [ls]\n", "cloud-config"))
    own.attach(MIMEText("#!/bin/sh\n", "x-shellscript"))
    report = await reading("ec2", context_of(user_data=own.as_bytes()), delivery=DELIVERIES["ec2"])
    assert [kind for kind, _ in report["user_parts"]] == [
        "text/cloud-config",
        "text/x-shellscript",
        "text/cloud-config",
    ]
    assert report["user_parts"][0][1] == "runcmd: [ls]\n"


async def test_files_come_with_a_config_drive(reading):
    report = await reading("configdrive", context_of(files=(ContextFile(path="/etc/x", content=b"one"),)))
    assert report["files"] == {"/etc/x": "one"}
