"""A real Debian with the real cloud-init finds what the factory hands it, whichever way that is delivered.

The NoCloud seed is tried in every run; the other ways where CI=true, or VAC_TEST_DATASOURCES names them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, Final

import attrs
import pytest
from cloud_guest import CMDLINE, MEMORY_MB, cloud_guest
from guest_host import GuestHost, guest_host, outputs
from image_server import wait_until
from system.daemon_kit import shell

pytestmark = pytest.mark.system

DATASOURCES: Final = {
    "nocloud": "DataSourceNoCloud",
    "configdrive": "DataSourceConfigDrive",
    "openstack": "DataSourceOpenStack",
    "ec2": "DataSourceEc2",
}
KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx3zHq0m1JYh4Yf0v1yqv8m7d0H7sJ0b4nXnE5Yc0aZ root@example.org"
USER_DATA: Final = shell(
    "outputs=##user_data_joboutputs_url##",
    "echo $outputs > /run/joboutputs",
    'send() { curl -s -S -f -m 60 -o /dev/null -X PUT --data-binary @- "$outputs/$1"; }',
    "hostname --fqdn | send hostname",
    "send authorized_keys < /root/.ssh/authorized_keys",
    "curl -s -f -m 60 ##user_data_jobfeatures_url##/allocated_cpu | send allocated_cpu",
    "send board < /sys/class/dmi/id/product_uuid",
    '(. /etc/profile.d/vac.sh && echo "$MACHINEFEATURES $JOBFEATURES $JOBOUTPUTS") | send environment',
    "printf '200 user data ran' | send shutdown_message",
)
SECONDS: Final = 1200.0
"""Emulated processors that other tests share may take long."""


@attrs.frozen
class Told:
    """What one guest has put out, and its machine as the journal has it."""

    outputs: dict[str, str]
    machine: dict[str, Any]
    console: str


def asked() -> list[str]:
    """The ways that this run tries."""
    if os.environ.get("CI") == "true":
        return list(DATASOURCES)
    return ["nocloud", *(os.environ.get("VAC_TEST_DATASOURCES") or "").split()]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Told]]:
    """What a guest of each way tells; they run at one time."""
    ways = asked()
    with guest_host(tmp_path_factory.mktemp("cloud") / "f") as host:
        key = host.daemon.directory.parent / "key.pub"
        key.write_text(f"{KEY}\n")
        sections = "".join(section(host, way) for way in ways)
        host.write_site(sections, f"total_processors = {len(ways)}\nroot_public_key = {key}\n")
        host.daemon.start()
        wait_until(lambda: len(host.daemon.events("created")) == len(ways), SECONDS)
        host.daemon.control.post("/drain", {"reason": "one of each is enough"})
        wait_until(lambda: len(host.daemon.events("cleared")) == len(ways), SECONDS)
        assert host.left_of_machines() == []
        yield {event["machine"]["machinetype"]: told_by(host, event) for event in host.daemon.events("cleared")}


def section(host: GuestHost, way: str) -> str:
    """The [machinetype] section of guests that are handed their context in one way; its name is that of the way."""
    guest = cloud_guest()
    return host.daemon.machinetype(
        way,
        USER_DATA,
        machine_model="kernel",
        kernel=guest.kernel,
        initrd=guest.initrd,
        root_image=guest.disk,
        cmdline=CMDLINE,
        mb_per_processor=MEMORY_MB,
        disk_gb_per_processor=1,
        context=way,
    )


def told_by(host: GuestHost, event: dict[str, Any]) -> Told:
    machine = event["machine"]
    return Told(outputs(host, machine["id"]), machine, host.console(machine["id"]))


@pytest.fixture
def one(told: dict[str, Told], way: str) -> Told:
    return told[way]


@pytest.mark.parametrize("way", asked())
class TestCloudInit:
    def test_it_finds_the_data_source_and_has_no_errors(self, one: Told, way: str) -> None:
        assert "result.json" in one.outputs, one.console
        result = json.loads(one.outputs["result.json"])["v1"]
        assert result["errors"] == [], one.console
        assert result["datasource"].startswith(DATASOURCES[way])

    def test_it_runs_the_user_data_and_the_factory_has_its_message(self, one: Told) -> None:
        assert one.machine["outcome"] == "200 user data ran"

    def test_the_guest_has_its_name_and_the_sites_key(self, one: Told) -> None:
        assert one.outputs["hostname"].strip() == one.machine["name"]
        assert KEY in one.outputs["authorized_keys"].splitlines()

    def test_the_guest_reads_its_features(self, one: Told) -> None:
        assert one.outputs["allocated_cpu"] == "1"

    def test_the_guest_s_board_has_the_machine_s_id(self, one: Told) -> None:
        assert one.outputs["board"].strip() == one.machine["id"]

    def test_login_shells_know_where_features_and_outputs_are(self, one: Told) -> None:
        base = "http://169.254.169.254"
        wanted = [f"{base}/machinefeatures", f"{base}/jobfeatures", f"{base}/joboutputs"]
        assert one.outputs["environment"].split() == wanted
