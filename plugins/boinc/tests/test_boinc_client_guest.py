"""BOINC's real client in a Debian guest under QEMU, which has its context by the real cloud-init."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest
from boinc_project import ABORTED, EXIT_CLIENT_EXITING, KEY, LASTS, WORKS, Project, project
from boinc_secrecy import command_lines, holding, packed
from engines import needed
from image_server import wait_until

needed("libvirt")

from cloud_guest import CMDLINE, SYSTEMD, cloud_guest  # noqa: E402 - they want the package too
from guest_host import DISKS, PLUGIN, GuestHost, guest_host, outputs  # noqa: E402
from vac_boinc.account import KEY as ACCOUNT_KEY  # noqa: E402
from vac_boinc.account import Account, account_file  # noqa: E402
from vac_boinc.client_files import Wishes, client_files  # noqa: E402

from vac_core.testing import machine  # noqa: E402

pytestmark = [pytest.mark.system, pytest.mark.timeout(3000)]

PACKAGES: Final = ("boinc-client", "python3", "dbus")
DISK_MB: Final = 700
MEMORY_MB: Final = 384
TAKES_TIME: Final = f"sleep 3\n{WORKS}"
METADATA: Final = "169.254.169.254"
"""Of the host on its machines' network; the project has a port of its own there."""
SECONDS: Final = 1200.0
"""Emulated processors that other tests share may take long."""


@attrs.define
class Found:
    """Where the account key was."""

    held: list[Path]
    """Files that had it while the first guest worked."""
    readable: list[Path]
    """Those of them that others could have read."""
    command_lines: list[bytes]
    kept: list[Path] = attrs.field(factory=list)
    """Files that had it in the end."""


@attrs.define
class Ended:
    """What is left of guests: two one after the other in one slot, and one with systemd that was stopped."""

    host: GuestHost
    project: Project
    other: Project
    """That of the guest with systemd."""
    found: Found

    def machine(self, machinetype: str, number: int = 0) -> dict[str, str]:
        """What the factory keeps of a machine that ended."""
        gone = [event["machine"] for event in self.host.daemon.events("gone", machinetype=machinetype)]
        return dict(gone[number])


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    directory = tmp_path_factory.mktemp("boinc") / "f"
    with (
        guest_host(directory) as host,
        project([TAKES_TIME], "0.0.0.0", host.libvirt.box.call) as served,
        project([], "0.0.0.0", host.libvirt.box.call) as other,
    ):
        for one in (served, other):
            one.name = f"{METADATA}:{one.port}"
        other.tasks.append(f"curl -s {other.url}began\n{LASTS}")
        sections = section(host, served, "home", CMDLINE) + section(host, other, "service", f"{CMDLINE} {SYSTEMD}")
        host.write_site(sections, "total_processors = 2\n", PLUGIN + "guest_isolation = no\n")
        host.daemon.start()
        served.wait_for(lambda: served.hosts, SECONDS)
        found = look(host, served)
        wait_until(lambda: len(host.daemon.events("created", machinetype="home")) >= 2, SECONDS)
        host.daemon.control.post("/drain", {"reason": "these are enough"})
        other.wait_for(lambda: "/began" in other.fetched, SECONDS)
        [stopped] = host.daemon.events("created", machinetype="service")
        assert host.daemon.cli("stop", stopped["machine"]["id"]).returncode == 0
        wait_until(lambda: len(host.daemon.events("cleared")) >= 3, SECONDS)
        found.kept = [one for place in places(host) for one in holding(secrets(served), place)]
        yield Ended(host, served, other, found)


def places(host: GuestHost) -> list[Path]:
    """Where the factory, and libvirt, keep what machines have."""
    return [host.daemon.state.machines.parent, host.libvirt.box.path(DISKS)]


def look(host: GuestHost, served: Project) -> Found:
    """Look for the key while a guest works."""
    needles = secrets(served)
    held = [one for place in places(host) for one in holding(needles, place)]
    readable = [one for place in places(host) for one in holding(needles, place, by_others=True)]
    return Found(held, readable, [one for one in command_lines() if any(needle in one for needle in needles)])


def section(host: GuestHost, served: Project, name: str, cmdline: str) -> str:
    debian = cloud_guest(*PACKAGES, disk_mb=DISK_MB)
    host.daemon.directory.mkdir(exist_ok=True)
    key_file = host.daemon.directory.parent / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    options = {
        "target_share": 1,
        "machine_model": "kernel",
        "kernel": debian.kernel,
        "initrd": debian.initrd,
        "root_image": debian.disk,
        "cmdline": cmdline,
        "max_processors": 1,
        "mb_per_processor": MEMORY_MB,
        "disk_gb_per_processor": 1,
        "context": "nocloud",
        "contextualiser": "boinc-client",
        "backoff_seconds": 0,
        "boinc_project_url": served.url,
        "boinc_account_key_file": key_file,
        "boinc_benchmarks": "no",
    }
    return "\n".join([f"[machinetype {name}]", *(f"{key} = {value}" for key, value in options.items()), ""])


def secrets(served: Project) -> list[bytes]:
    """The key, by itself and as cloud-config has it."""
    account = Account(served.url, ACCOUNT_KEY, Path())
    files = client_files(machine(), account, KEY, factory="", wishes=Wishes())
    return [KEY.encode(), packed(files[account_file(served.url)])]


def test_a_guest_does_a_task_and_claims_its_credit(ended: Ended) -> None:
    machine = ended.machine("home")
    assert machine["outcome"].startswith("200 Success (1 tasks, "), ended.host.console(machine["id"])[-4000:]
    assert ended.project.reported == [("wu_1_0", 5, 0)]
    assert any("done" in one for one in ended.project.uploaded)
    assert machine["outcome"] in ended.host.daemon.cli("history", "--machine", machine["id"], "--json").stdout
    left = outputs(ended.host, machine["id"])
    told = json.loads(left["boinc.json"])
    assert [(task["name"], task["exit_status"]) for task in told["tasks"]] == [("wu_1_0", 0)]
    assert told["claimed_credit"] > 0
    assert f"{told['claimed_credit']:.6g} credit claimed" in machine["outcome"]
    assert "Scheduler request completed" in left["boinc.log"]


def test_the_next_guest_in_the_slot_is_the_same_host_to_the_project(ended: Ended) -> None:
    machine = ended.machine("home", 1)
    assert machine["outcome"] == "300 Nothing to do", ended.host.console(machine["id"])[-4000:]
    assert len(ended.project.hosts) >= 3
    assert len(set(ended.project.hosts)) == 1


def test_a_guest_that_the_factory_stops_reports_what_it_aborts(ended: Ended) -> None:
    machine = ended.machine("service")
    assert machine["outcome"].startswith("100 "), ended.host.console(machine["id"])[-4000:]
    assert ended.other.reported == [("wu_1_0", ABORTED, EXIT_CLIENT_EXITING)]
    assert "Running as unit: vac-boinc.service" in ended.host.console(machine["id"])


def test_nobody_else_on_the_host_has_seen_the_key(ended: Ended) -> None:
    assert ended.found.held
    assert ended.found.readable == []
    assert ended.found.command_lines == []
    assert ended.found.kept == []
    assert [one for one in ended.host.daemon.log if KEY in one] == []
